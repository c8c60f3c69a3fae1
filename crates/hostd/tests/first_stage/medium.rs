//! Setup media as people make them, right and wrong.

use hostd::prepare::medium;

use crate::bench::{Bench, SETUP};

/// H10: a stick with any label brings the setup and its files, also from a folder and with names of any length.
#[test]
fn a_stick_is_read_whole() {
    let bench = Bench::new();
    let medium = medium::read(&bench.medium("stick", SETUP)).unwrap().unwrap();
    assert_eq!(medium.setup.name.as_str(), "a");
    assert_eq!(medium.text, SETUP);
    let files: Vec<(&str, &[u8])> =
        medium.files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let secret = "07".repeat(32);
    assert_eq!(
        files,
        [("a.pem", &b"A"[..]), ("ca.pem", b"CA"), ("keys/a.key", b"K"), ("pair.key", secret.as_bytes())]
    );
}

/// Other sticks are nobody's business.
#[test]
fn a_stick_without_a_setup_is_none() {
    let bench = Bench::new();
    assert!(medium::read(&bench.fat("photos", "PHOTOS", &[("cat.jpg", "miaow")])).unwrap().is_none());
    assert!(medium::read(&bench.blank("blank", 4 * 1024 * 1024)).is_err());
}

/// Everything that is missing or wrong is said at once, and nothing is used.
#[test]
fn a_wrong_stick_is_refused_with_all_its_problems() {
    let bench = Bench::new();
    let long = "x".repeat(65 * 1024);
    let files = [("setup.toml", SETUP), ("ca.pem", long.as_str()), ("a.pem", ""), ("keys/a.key", "K")];
    let problems = medium::read(&bench.fat("stick", "STICK", &files)).unwrap_err().problems();
    for (problem, beginning) in problems.iter().zip([
        "credentials.authority: ca.pem on the medium: it is longer than",
        "credentials.certificate: a.pem is empty",
        "credentials.secret: pair.key on the medium: ",
    ]) {
        assert!(problem.starts_with(beginning), "{problem}");
    }
    assert_eq!(problems.len(), 3);
    let text = SETUP.replace("\"a\"", "\"A\"").replace("10.20.0.254", "10.99.0.254");
    let problems = medium::read(&bench.medium("stick", &text)).unwrap_err().problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
}
