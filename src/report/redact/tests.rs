//! Names and values that are secret, and those that look so and are not.

use super::*;

fn printed(display: SecretDisplay, name: &str, value: &str) -> String {
    let value = display.value(name.as_bytes(), value.as_bytes());
    String::from_utf8(value.into_owned()).unwrap()
}

/// A header, and what is printed of its value: `None` where that is its length alone.
const HEADERS: [(&str, &str, Option<&str>); 60] = [
    ("authorization", "Bearer abc", None),
    ("Authorization", "Digest username=a", None),
    ("proxy-authorization", "Basic YTpi", None),
    ("x-goog-iam-authorization-token", "abc", None),
    ("www-authenticate", "Bearer realm=a", None),
    ("x-auth", "abc", None),
    ("x-author", "somebody", None),
    ("x-forwarded-authority", "a", None),
    ("cookie", "a=b", None),
    ("set-cookie", "a=b; Path=/", None),
    ("x-cookie-hash", "abc", None),
    ("x-token", "abc", None),
    ("token", "abc", None),
    ("x-tokens-left", "7", None),
    ("x-amz-security-token", "abc", None),
    ("x-client-secret", "abc", None),
    ("secret-sauce", "abc", None),
    ("x-password", "abc", None),
    ("passwd", "abc", None),
    ("x-passwords", "abc", None),
    ("apikey", "abc", None),
    ("x-apikey-id", "abc", None),
    ("X-Api-Key", "abc", None),
    ("api-key-v2", "abc", None),
    ("x-jwt-assertion", "abc", None),
    ("session", "abc", None),
    ("x-session-id", "abc", None),
    ("x-csrf", "abc", None),
    ("x-xcsrf-thing", "abc", None),
    ("x-signature", "abc", None),
    ("signature-input", "sig1=()", None),
    ("x-amz-credential", "abc", None),
    ("credentials", "abc", None),
    ("key", "abc", None),
    ("x-subscription-key", "abc", None),
    ("x-hotkey", "abc", None),
    ("x-idempotency-key", "abc", None),
    ("x-user", "Bearer abc", None),
    ("x-user", "bearer abc", None),
    ("x-user", "BASIC YTpi", None),
    ("x-user", " Bearer abc", None),
    (
        "x-user",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1",
        None,
    ),
    ("x-user", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", None),
    (":path", "/find?name=x", Some("/find?<redacted 6 bytes>")),
    (":path", "/find", Some("/find")),
    (
        "referer",
        "https://a/b?c",
        Some("https://a/b?<redacted 1 bytes>"),
    ),
    ("location", "/b?code=1", Some("/b?<redacted 6 bytes>")),
    ("Location", "/b#id_token=1", Some("/b#<redacted 10 bytes>")),
    (
        "x-original-url",
        "http://a/?b=c",
        Some("http://a/?<redacted 3 bytes>"),
    ),
    (
        "link",
        "<https://a/?b>; rel=next",
        Some("<https://a/?<redacted 12 bytes>"),
    ),
    (":authority", "shop.example:443", Some("shop.example:443")),
    ("idempotency-key", "order-7", Some("order-7")),
    ("x-rpc-id", "go-000001", Some("go-000001")),
    ("x-keynote", "abc", Some("abc")),
    ("keyboard", "abc", Some("abc")),
    ("user-agent", "grpc-go/1.85.0", Some("grpc-go/1.85.0")),
    ("x-question", "what?", Some("what?")),
    ("x-user", "Bearer", Some("Bearer")),
    ("x-user", "eyJ.is no.token", Some("eyJ.is no.token")),
    ("grpc-message", "no stock", Some("no stock")),
];

#[test]
fn credentials_and_queries_are_replaced_by_their_length() {
    for (name, value, expected) in HEADERS {
        let length = format!("<redacted {} bytes>", value.len());
        let expected = expected.unwrap_or(&length);
        assert_eq!(
            printed(SecretDisplay::Redacted, name, value),
            expected,
            "{name}: {value}"
        );
        assert_eq!(printed(SecretDisplay::Shown, name, value), value, "{name}");
        let messages_too = printed(SecretDisplay::MessagesRedacted, name, value);
        match name {
            "grpc-message" => assert_eq!(messages_too, length),
            _ => assert_eq!(messages_too, expected, "{name}: {value}"),
        }
    }
}

#[test]
fn what_has_no_name_is_secret() {
    assert_eq!(
        SecretDisplay::Redacted.unnamed(b"a").as_ref(),
        b"<redacted 1 bytes>"
    );
    assert_eq!(SecretDisplay::Shown.unnamed(b"a").as_ref(), b"a");
}

#[test]
fn messages_are_printed_unless_asked_for_otherwise() {
    assert_eq!(SecretDisplay::Redacted.message(b"no").as_ref(), b"no");
    assert_eq!(
        SecretDisplay::MessagesRedacted.message(b"no").as_ref(),
        b"<redacted 2 bytes>"
    );
    assert_eq!(SecretDisplay::MessagesRedacted.message(b"").as_ref(), b"");
}
