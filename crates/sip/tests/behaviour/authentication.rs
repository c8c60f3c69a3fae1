//! Digest authentication against the published examples, and nonces between two nodes.

use model::Private;
use sip::digest::{
    Algorithm, Challenge, Credentials, NONCE_FUTURE_MAX_S, NonceKey, NonceState, Verdict, Verifier,
};
use sip::{Headers, name};

const NOW_UNIX_S: u64 = 1_800_000_000;
const LIFETIME_S: u64 = 300;

fn key() -> NonceKey {
    NonceKey::new([7; 32])
}

fn password() -> Private<String> {
    Private::new("secret".to_owned())
}

fn verifier(key: &NonceKey, now_unix_s: u64) -> Verifier<'_> {
    Verifier { key, realm: "pbx.example", nonce_lifetime_s: LIFETIME_S, now_unix_s }
}

/// Credentials of the printed form, read back.
fn answer(nonce: &str, algorithm: Algorithm, qop_auth: bool) -> Credentials {
    let mut challenge = Challenge::new("pbx.example", nonce, algorithm, false);
    challenge.qop_auth = qop_auth;
    let challenge: Challenge = challenge.to_string().parse().unwrap();
    let credentials =
        Credentials::answer(&challenge, "200", &password(), "REGISTER", "sip:pbx.example", "c\"n");
    let read: Credentials = credentials.to_string().parse().unwrap();
    assert_eq!(read, credentials);
    read
}

/// RFC 2617 section 3.5 (with the realm of that section) and RFC 7616 section 3.9.1: the published responses.
#[test]
fn the_published_examples_come_out() {
    let example = |realm: &str, nonce: &str, algorithm, cnonce: &str, password: &str| {
        let challenge = Challenge::new(realm, nonce, algorithm, false);
        let password = Private::new(password.to_owned());
        Credentials::answer(&challenge, "Mufasa", &password, "GET", "/dir/index.html", cnonce).response
    };
    assert_eq!(
        example(
            "testrealm@host.com",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            Algorithm::Md5,
            "0a4f113b",
            "Circle Of Life"
        ),
        "6629fae49393a05397450978507c4ef1"
    );
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    assert_eq!(
        example("http-auth@example.org", nonce, Algorithm::Md5, cnonce, "Circle of Life"),
        "8ca523f5e9506fed4657c9700eebdbec"
    );
    assert_eq!(
        example("http-auth@example.org", nonce, Algorithm::Sha256, cnonce, "Circle of Life"),
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    );
}

/// RFC 2617, RFC 7616, RFC 8760: both hashes, with and without qop; a wrong password, method or realm is
/// rejected.
#[test]
fn the_right_password_is_accepted_and_nothing_else() {
    let key = key();
    for (algorithm, qop_auth) in [
        (Algorithm::Md5, true),
        (Algorithm::Md5, false),
        (Algorithm::Sha256, true),
        (Algorithm::Sha256, false),
    ] {
        let credentials = answer(&key.issue(NOW_UNIX_S), algorithm, qop_auth);
        let verifier = verifier(&key, NOW_UNIX_S + 1);
        assert_eq!(verifier.verify(&credentials, "REGISTER", &password()), Verdict::Accepted);
        assert_eq!(verifier.verify(&credentials, "INVITE", &password()), Verdict::Rejected);
        let wrong = Private::new("Secret".to_owned());
        assert_eq!(verifier.verify(&credentials, "REGISTER", &wrong), Verdict::Rejected);
        let elsewhere = Verifier { realm: "other.example", ..verifier };
        assert_eq!(elsewhere.verify(&credentials, "REGISTER", &password()), Verdict::Rejected);
        let mut longer = credentials.clone();
        longer.response.push('0');
        assert_eq!(verifier.verify(&longer, "REGISTER", &password()), Verdict::Rejected);
        let mut empty = credentials;
        empty.response.clear();
        assert_eq!(verifier.verify(&empty, "REGISTER", &password()), Verdict::Rejected);
    }
}

/// RFC 7616 section 3.3: an old nonce with the right password is stale, with a wrong one just wrong.
#[test]
fn an_old_nonce_is_stale_only_with_the_right_password() {
    let key = key();
    let credentials = answer(&key.issue(NOW_UNIX_S), Algorithm::Md5, true);
    let later = |seconds| verifier(&key, NOW_UNIX_S + seconds).verify(&credentials, "REGISTER", &password());
    assert_eq!(later(LIFETIME_S), Verdict::Accepted);
    assert_eq!(later(LIFETIME_S + 1), Verdict::Stale);
    let wrong = Private::new("wrong".to_owned());
    let verdict = verifier(&key, NOW_UNIX_S + LIFETIME_S + 1).verify(&credentials, "REGISTER", &wrong);
    assert_eq!(verdict, Verdict::Rejected);
}

/// H24: the node that takes over accepts nonces of the other one, also when its clock is behind; never
/// foreign ones.
#[test]
fn the_other_node_knows_our_nonces() {
    let nonce = key().issue(NOW_UNIX_S);
    let state = |key: NonceKey, now| key.check(&nonce, now, LIFETIME_S);
    assert_eq!(state(key(), NOW_UNIX_S), NonceState::Fresh);
    assert_eq!(state(key(), NOW_UNIX_S - NONCE_FUTURE_MAX_S), NonceState::Fresh);
    assert_eq!(state(key(), NOW_UNIX_S - NONCE_FUTURE_MAX_S - 1), NonceState::Foreign);
    assert_eq!(state(NonceKey::new([8; 32]), NOW_UNIX_S), NonceState::Foreign);
    for at in 0..nonce.len() {
        let mut forged = nonce.clone().into_bytes();
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(key().check(&forged, NOW_UNIX_S, u64::MAX), NonceState::Foreign, "digit {at}");
    }
    assert_eq!(key().check("", NOW_UNIX_S, LIFETIME_S), NonceState::Foreign);
}

/// RFC 4475 section 3.3.7, RFC 7616: other schemes are passed over; `auth-int`, `-sess` and doubled fields
/// are refused.
#[test]
fn only_digests_we_offer_are_read() {
    let mut headers = Headers::new();
    headers.push(name::AUTHORIZATION, "NoOneKnowsThisScheme opaque-data=here");
    assert_eq!(headers.credentials(name::AUTHORIZATION).unwrap(), []);
    let good = answer("n", Algorithm::Md5, true).to_string();
    headers.push(name::AUTHORIZATION, &good);
    assert_eq!(headers.credentials(name::AUTHORIZATION).unwrap().len(), 1);
    for (from, to) in [("qop=auth", "qop=auth-int"), ("=MD5", "=MD5-sess"), ("nc=", "nx=")] {
        assert!(good.replacen(from, to, 1).parse::<Credentials>().is_err(), "{to}");
    }
    assert!(format!("{good}, realm=\"x\"").parse::<Credentials>().is_err(), "doubled realm");
    let quoted = good.replace("qop=auth", "qop=\"auth\"").replace("algorithm=MD5", "algorithm=\"md5\"");
    assert!(quoted.parse::<Credentials>().is_ok(), "phones quote what they should not");
}

/// Logs never show who authenticates with what.
#[test]
fn debug_output_hides_user_and_proof() {
    let credentials = answer("n", Algorithm::Md5, true);
    let shown = format!("{credentials:?}{:?}", key());
    assert!(!shown.contains(&credentials.response) && !shown.contains("200"), "{shown}");
}
