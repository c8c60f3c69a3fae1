//! The ear: writes a WAV file with one tone and finds that tone again in another phone's recording.
//!
//! Audio counts as heard when, in 100 ms frames, most of the energy lies at the expected frequency and its level is
//! within 3 dB of what was played.

use std::f64::consts::PI;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// Sample rate of all tones and of G.711, hertz.
pub const SAMPLE_RATE_HZ: u32 = 8_000;
/// Peak amplitude of the tones we play: a quarter of full scale, well inside G.711's linear range.
pub const AMPLITUDE: f64 = 8_192.0;
/// Length of an analysis frame: 100 ms.
const FRAME_SAMPLES: usize = 800;
/// Share of a frame's energy that must lie at the tone.
const TONE_SHARE_MIN: f64 = 0.8;
/// Allowed difference between the level played and the level heard, decibels.
const LEVEL_TOLERANCE_DB: f64 = 3.0;

/// What was heard of one tone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heard {
    /// Frequency looked for, hertz
    pub tone_hz: u32,
    /// Milliseconds of recording in which the tone dominated at the right level
    pub heard_ms: u64,
    /// Median level of those frames relative to what was played, decibels
    pub level_db: Option<f64>,
}

/// Writes `seconds` of a sine of `tone_hz` as 16 bit mono WAV.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, tone_hz: u32, seconds: u32) -> Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer =
        hound::WavWriter::create(path, spec).with_context(|| format!("create {}", path.display()))?;
    for sample in 0..seconds * SAMPLE_RATE_HZ {
        let phase = 2.0 * PI * f64::from(tone_hz) * f64::from(sample) / f64::from(SAMPLE_RATE_HZ);
        #[allow(clippy::cast_possible_truncation)] // amplitude is far inside i16
        let value = (AMPLITUDE * phase.sin()) as i16;
        writer.write_sample(value).with_context(|| format!("write {}", path.display()))?;
    }
    writer.finalize().with_context(|| format!("finish {}", path.display()))
}

/// Looks for `tone_hz` in a recording. A recording that is still growing has no final header: its samples count.
///
/// # Errors
/// The recording cannot be read.
pub fn find(path: &Path, tone_hz: u32) -> Result<Heard> {
    Ok(find_in(&read_samples(path)?, tone_hz))
}

/// Looks for `tone_hz` in samples at [`SAMPLE_RATE_HZ`].
#[must_use]
pub fn find_in(samples: &[i16], tone_hz: u32) -> Heard {
    let mut levels: Vec<f64> = samples
        .chunks_exact(FRAME_SAMPLES)
        .filter_map(|frame| frame_level_db(frame, tone_hz))
        .filter(|level| level.abs() <= LEVEL_TOLERANCE_DB)
        .collect();
    levels.sort_by(f64::total_cmp);
    Heard {
        tone_hz,
        heard_ms: levels.len() as u64 * 100,
        level_db: levels.get(levels.len() / 2).map(|level| (level * 10.0).round() / 10.0),
    }
}

/// Level of the tone in one frame relative to [`AMPLITUDE`], decibels; `None` when it does not dominate.
fn frame_level_db(frame: &[i16], tone_hz: u32) -> Option<f64> {
    let total: f64 = frame.iter().map(|s| f64::from(*s).powi(2)).sum();
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (index, sample) in frame.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)] // index < 800
        let phase = 2.0 * PI * f64::from(tone_hz) * index as f64 / f64::from(SAMPLE_RATE_HZ);
        real += f64::from(*sample) * phase.cos();
        imaginary += f64::from(*sample) * phase.sin();
    }
    #[allow(clippy::cast_precision_loss)] // frame length is 800
    let length = frame.len() as f64;
    // Parseval: a pure tone of amplitude a has energy a²n/2 and a correlation of magnitude an/2.
    let amplitude = 2.0 * real.hypot(imaginary) / length;
    let tone_energy = amplitude.powi(2) * length / 2.0;
    (total > 0.0 && tone_energy / total >= TONE_SHARE_MIN).then(|| 20.0 * (amplitude / AMPLITUDE).log10())
}

/// Reads 16 bit samples behind the `data` chunk, first channel only.
fn read_samples(path: &Path) -> Result<Vec<i16>> {
    let bytes = std::fs::read(path).with_context(|| format!("read recording {}", path.display()))?;
    let channels = bytes.get(22).copied().unwrap_or(1).max(1);
    let data = bytes.windows(4).position(|window| window == b"data").map_or(44, |at| at + 8);
    let samples = bytes.get(data..).unwrap_or_default().chunks_exact(2 * usize::from(channels));
    Ok(samples.map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(tone_hz: u32, amplitude: f64) -> Vec<i16> {
        (0..SAMPLE_RATE_HZ)
            .map(|n| {
                let phase = 2.0 * PI * f64::from(tone_hz) * f64::from(n) / f64::from(SAMPLE_RATE_HZ);
                #[allow(clippy::cast_possible_truncation)]
                let sample = (amplitude * phase.sin()) as i16;
                sample
            })
            .collect()
    }

    /// The ear hears its tone at its level, and neither another tone, nor a faint one, nor silence.
    #[test]
    fn hears_only_its_tone_at_its_level() {
        assert_eq!(find_in(&sine(440, AMPLITUDE), 440).heard_ms, 1_000);
        assert_eq!(find_in(&sine(620, AMPLITUDE), 440).heard_ms, 0);
        assert_eq!(find_in(&sine(440, AMPLITUDE / 2.0), 440).heard_ms, 0, "6 dB too low");
        assert_eq!(find_in(&vec![0; 8_000], 440).heard_ms, 0);
    }
}
