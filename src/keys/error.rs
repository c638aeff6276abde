//! Why no secrets can be taken.

/// Why no secrets can be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("taking secrets of processes needs CAP_SYS_ADMIN")]
    Rights,
    #[error("the kernel refuses the probe: {0}")]
    Refused(String),
    #[error("the probe's object is not whole")]
    Object,
    #[error("there is no process {0}")]
    NoSuchProcess(u32),
    #[error("nothing to probe in any process that was named")]
    NothingToProbe,
}

impl KeysError {
    /// What to try instead.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Rights => Some(
                "run it as root, or give it the right: sudo setcap cap_sys_admin,cap_sys_ptrace+ep h2sniff; in a \
                 container: capabilities SYS_ADMIN and SYS_PTRACE and the host's processes (hostPID). CAP_BPF and \
                 CAP_PERFMON are not enough: newer kernels let only CAP_SYS_ADMIN watch functions of programs",
            ),
            Self::Refused(_) => {
                Some("it takes Linux 5.15 or later, with uprobes, and BPF that is not locked down")
            }
            Self::Object => None,
            Self::NoSuchProcess(_) | Self::NothingToProbe => Some(
                "h2sniff keys --list says of each process what can be probed, and why others cannot",
            ),
        }
    }
}
