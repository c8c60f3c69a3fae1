//! What root file system this is: `os-release(5)`, written when the image was built.

use std::fs;

use crate::prepare::Place;

/// Where the image says what it is; the second is for systems that have only that one.
const FILES: [&str; 2] = ["/usr/lib/os-release", "/etc/os-release"];

/// What the image says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `IMAGE_VERSION`; without one that of this program
    pub version: String,
    /// `TANDEM_ROOTFS`: `lab` or `buildroot`; empty on a system that is none of our images
    pub rootfs: String,
    /// `VARIANT_ID`: `debug` or `release`; empty likewise
    pub variant: String,
}

impl Image {
    /// Reads it once; it does not change while the machine runs.
    #[must_use]
    pub fn read(place: &Place) -> Image {
        let text = FILES.iter().find_map(|file| fs::read_to_string(place.path(file)).ok());
        Image::parse(&text.unwrap_or_default())
    }

    fn parse(text: &str) -> Image {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(|value| value.trim().trim_matches(['"', '\'']).to_owned()).unwrap_or_default()
        };
        let version = match value("IMAGE_VERSION") {
            version if version.is_empty() => env!("CARGO_PKG_VERSION").to_owned(),
            version => version,
        };
        Image { version, rootfs: value("TANDEM_ROOTFS"), variant: value("VARIANT_ID") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quoted or not, as os-release(5) allows; a foreign system has neither root nor variant of ours.
    #[test]
    fn image_is_read() {
        let image =
            Image::parse("ID=tandem\nIMAGE_VERSION=\"0.2.0\"\nVARIANT_ID=debug\nTANDEM_ROOTFS='lab'\n");
        let wanted = Image { version: "0.2.0".into(), rootfs: "lab".into(), variant: "debug".into() };
        assert_eq!(image, wanted);
        assert_eq!(Image::parse("ID=debian\n").version, env!("CARGO_PKG_VERSION"));
        assert_eq!(Image::parse("ID=debian\nXVARIANT_ID=1\n").variant, "");
    }
}
