//! How a tenant looks: what is allowed, so that its members can read it and nothing foreign is loaded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{MAX_NAME_CHARACTERS, TenancyError};
use crate::api::{Branding, Colors};

/// Largest logo, in bytes of the image. The tenant's record holds it.
const MAX_LOGO_BYTES: usize = 32 * 1024;
/// How each kind of image begins; an SVG could carry scripts.
const IMAGES: [(&str, &[u8]); 3] =
    [("image/png", b"\x89PNG\r\n\x1a\n"), ("image/jpeg", b"\xff\xd8\xff"), ("image/webp", b"RIFF")];
/// Least contrast of text and its background (WCAG 2.2, 1.4.3).
const MIN_CONTRAST: f64 = 4.5;

/// Refuses what members could not read, or what a browser would load from elsewhere.
pub(super) fn check(branding: &Branding) -> Result<(), TenancyError> {
    if let Some(name) = &branding.name
        && !(1..=MAX_NAME_CHARACTERS).contains(&name.trim().chars().count())
    {
        return Err(TenancyError::NameInvalid);
    }
    if let Some(logo) = &branding.logo {
        check_logo(logo)?;
    }
    branding.colors.as_ref().map_or(Ok(()), check_colors)
}

fn check_logo(url: &str) -> Result<(), TenancyError> {
    let invalid = |rule: &str| TenancyError::SettingInvalid { field: "branding.logo", rule: rule.to_owned() };
    let shape = "must be a `data:` URL in base64 of a PNG, JPEG or WebP image";
    let (kind, text) = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"))
        .ok_or_else(|| invalid(shape))?;
    let (_, magic) = IMAGES.iter().find(|(name, _)| *name == kind).ok_or_else(|| invalid(shape))?;
    if text.len() / 4 * 3 > MAX_LOGO_BYTES {
        return Err(invalid("must be of an image of at most 32 KiB"));
    }
    let image = STANDARD.decode(text).map_err(|_| invalid(shape))?;
    if image.starts_with(magic) { Ok(()) } else { Err(invalid("does not hold the image that it names")) }
}

fn check_colors(colors: &Colors) -> Result<(), TenancyError> {
    let parse = |field: &'static str, text: &str| {
        luminance(text)
            .ok_or_else(|| TenancyError::SettingInvalid { field, rule: "must be like `#1a2b3c`".to_owned() })
    };
    let background = parse("branding.colors.background", &colors.background)?;
    for (field, text) in [("branding.colors.text", &colors.text), ("branding.colors.accent", &colors.accent)]
    {
        let contrast = contrast(background, parse(field, text)?);
        if contrast < MIN_CONTRAST {
            let rule = format!(
                "has a contrast of {contrast:.1} to 1 against the background, and must have {MIN_CONTRAST} to 1"
            );
            return Err(TenancyError::SettingInvalid { field, rule });
        }
    }
    Ok(())
}

/// Contrast ratio (WCAG 2.2).
fn contrast(one: f64, other: f64) -> f64 {
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Relative luminance of `#rrggbb` (WCAG 2.2).
fn luminance(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let bytes = hex::decode(digits).ok()?;
    let linear = |byte: u8| {
        let share = f64::from(byte) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    let weights = [0.2126, 0.7152, 0.0722];
    Some(bytes.iter().zip(weights).map(|(&byte, weight)| linear(byte) * weight).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colors(background: &str, text: &str, accent: &str) -> Colors {
        Colors { background: background.into(), text: text.into(), accent: accent.into() }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        let ratio = contrast(luminance("#000000").unwrap(), luminance("#ffffff").unwrap());
        assert!((ratio - 21.0).abs() < 1e-9, "{ratio}");
        // The lightest grey on white that passes, and the next one.
        assert!(check_colors(&colors("#ffffff", "#767676", "#000000")).is_ok());
        assert!(check_colors(&colors("#ffffff", "#777777", "#000000")).is_err());
        assert!(check_colors(&colors("#ffffff", "#000000", "#ffff00")).is_err());
        for text in ["", "#fff", "ffffff", "#gggggg", "#ffffff0", "#é1234"] {
            assert!(check_colors(&colors("#000000", text, "#ffffff")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_logo_is_an_image_that_is_here() {
        let png = format!("data:image/png;base64,{}", STANDARD.encode(b"\x89PNG\r\n\x1a\nrest"));
        assert!(check_logo(&png).is_ok());
        let large = format!("data:image/png;base64,{}", STANDARD.encode(vec![0x89; 40 << 10]));
        for url in [
            "https://example.com/logo.png",
            "javascript:alert(1)",
            "data:image/svg+xml;base64,PHN2Zz4=",
            "data:image/png;base64,PHN2Zz4=",
            "data:image/png;base64,!",
            "data:image/png,abc",
            &large,
        ] {
            assert!(check_logo(url).is_err(), "{url:.60}");
        }
    }
}
