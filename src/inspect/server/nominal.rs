//! The round figure behind measurements: what a person wrote into a configuration.

/// Figures, in seconds, that people write most.
const COMMON: [f64; 33] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0,
    900.0, 1_200.0, 1_800.0, 2_700.0, 3_600.0, 5_400.0, 7_200.0, 10_800.0, 14_400.0, 18_000.0,
    21_600.0, 28_800.0, 36_000.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
];

/// Figures, in seconds, that people write too.
const LESS_COMMON: [f64; 35] = [
    0.05, 0.15, 0.25, 0.3, 0.4, 0.6, 0.75, 0.8, 1.5, 2.5, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 12.0, 25.0,
    35.0, 40.0, 45.0, 50.0, 55.0, 75.0, 100.0, 150.0, 200.0, 240.0, 360.0, 400.0, 420.0, 450.0,
    480.0, 500.0, 1_000.0,
];

/// The figure between two bounds that a person is most likely to have written; the middle of them,
/// to three places, where there is none.
pub(crate) fn between(low: f64, high: f64) -> f64 {
    round_figure(low, high).unwrap_or_else(|| thousandths(f64::midpoint(low, high)))
}

fn thousandths(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

fn round_figure(low: f64, high: f64) -> Option<f64> {
    let middle = f64::midpoint(low, high);
    let nearest = |figures: &[f64]| {
        let within = figures
            .iter()
            .filter(|figure| (low..=high).contains(*figure));
        within
            .min_by(|one, other| (*one - middle).abs().total_cmp(&(*other - middle).abs()))
            .copied()
    };
    nearest(&COMMON).or_else(|| nearest(&LESS_COMMON))
}

/// Whether a common figure lies between two bounds.
pub(crate) fn has_common(low: f64, high: f64) -> bool {
    COMMON.iter().any(|figure| (low..=high).contains(figure))
}

/// The round figure that an exact timer was set to which ran this long, or what was measured: timers are
/// late, not early.
pub(crate) fn behind(measured: f64) -> f64 {
    let low = measured - (measured * 0.02).max(0.012);
    let high = measured + (measured * 0.002).max(0.002);
    round_figure(low, high).unwrap_or_else(|| thousandths(measured))
}

/// The limit behind a server's counts of requests, the least and the most seen: it has read no fewer when it
/// acts, and perhaps a few more.
pub(crate) fn count(least: u64, most: u64) -> u64 {
    let unsure = most - least.min(most);
    let low = least.saturating_sub(unsure).max(1);
    for step in [1_000, 100, 50, 10, 5] {
        let round = least / step * step;
        if unsure > 0 && round >= low {
            return round;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_figure_is_preferred() {
        assert_eq!(between(28.6, 34.9), 30.0);
        assert_eq!(between(2.7, 3.3), 3.0);
        assert_eq!(between(1.8, 2.2), 2.0);
        assert_eq!(between(10.6, 11.4), 11.0);
        assert_eq!(between(13.31, 13.33), 13.32);
    }

    #[test]
    fn an_exact_timer_gives_its_figure_away() {
        assert_eq!(behind(5.0012), 5.0);
        assert_eq!(behind(0.5004), 0.5);
        assert_eq!(behind(0.3025), 0.3);
        assert_eq!(behind(1.5013), 1.5);
        assert_eq!(behind(2.345), 2.345);
    }

    #[test]
    fn a_count_is_taken_as_it_is_unless_it_is_unsure() {
        assert_eq!(count(6, 6), 6);
        assert_eq!(count(203, 203), 203);
        assert_eq!(count(201, 204), 200);
        assert_eq!(count(1_002, 1_009), 1_000);
        assert_eq!(count(0, 0), 0);
    }
}
