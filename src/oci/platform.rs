//! Platforms, in Go's names, and which of them a machine can run.

use super::config::null_default;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A kind of machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// Go's name of the processor, such as `amd64`.
    #[serde(default, deserialize_with = "null_default")]
    pub architecture: String,
    /// `linux`.
    #[serde(default, deserialize_with = "null_default")]
    pub os: String,
    /// Only on Windows.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub os_version: String,
    /// Only on Windows.
    #[serde(
        rename = "os.features",
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_default"
    )]
    pub os_features: Vec<String>,
    /// Go's name of the variant, such as `v7`; empty is the usual one.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub variant: String,
}

/// Why a text is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: want `os/architecture` or `os/architecture/variant`, such as `linux/arm64`")]
pub struct ParsePlatformError(String);

impl Platform {
    /// A platform with the normal spelling of its parts.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let (architecture, variant) = normal(&architecture.to_ascii_lowercase(), &variant.to_ascii_lowercase());
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        Self {
            architecture,
            os,
            variant,
            ..Self::default()
        }
    }

    /// The machine that varve was compiled for.
    pub fn host() -> Self {
        Self::new("linux", std::env::consts::ARCH, "")
    }

    /// Reads `os/arch`, `os/arch/variant`, `local`, or one of `os` and `arch`, whose other half is that of `default`. A
    /// version may follow the system in parentheses.
    pub fn parse(text: &str, default: &Self) -> Result<Self, ParsePlatformError> {
        let refuse = || ParsePlatformError(text.to_owned());
        let (rest, os_version) = match text.split_once('(') {
            Some((os, rest)) => {
                let (version, rest) = rest.split_once(')').ok_or_else(refuse)?;
                (format!("{os}{rest}"), version.to_owned())
            }
            None => (text.to_owned(), String::new()),
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if !parts.iter().all(|part| !part.is_empty() && part.bytes().all(allowed)) {
            return Err(refuse());
        }
        let platform = match parts[..] {
            ["local"] => Self::host(),
            [one] if OPERATING_SYSTEMS.contains(&one.to_lowercase().as_str()) => {
                Self::new(one, &default.architecture, &default.variant)
            }
            [one] if PROCESSORS.contains(&one.to_lowercase().as_str()) => Self::new(&default.os, one, ""),
            [os, architecture] => Self::new(os, architecture, ""),
            [os, architecture, variant] => Self::new(os, architecture, variant),
            _ => return Err(refuse()),
        };
        Ok(Self { os_version, ..platform })
    }

    /// How well an image for `image` serves this platform: 0 is best, `None` is not at all.
    ///
    /// Processors run what was made for their forerunners: `arm/v7` runs `arm/v6`, `arm64` runs `arm/v7`, `amd64` runs
    /// `386`. An exact match is always better.
    pub fn rank(&self, image: &Self) -> Option<usize> {
        let image = Self::new(&image.os, &image.architecture, &image.variant);
        let wanted = Self::new(&self.os, &self.architecture, &self.variant);
        if image.os != wanted.os {
            return None;
        }
        wanted
            .runs()
            .iter()
            .position(|(architecture, variant)| *architecture == image.architecture && *variant == image.variant)
    }

    /// What it runs, best first; in normal spelling.
    fn runs(&self) -> Vec<(String, String)> {
        let number = |variant: &str, usual: u32| match variant {
            "" => usual,
            some => some.trim_start_matches('v').parse().unwrap_or(usual),
        };
        let spelled = |architecture: &str, number: u32| normal(architecture, &format!("v{number}"));
        let mut runs = vec![(self.architecture.clone(), self.variant.clone())];
        match self.architecture.as_str() {
            "amd64" => {
                let own = number(&self.variant, 1).min(9);
                runs.extend((1..own).rev().map(|it| spelled("amd64", it)));
                runs.push(("386".to_owned(), String::new()));
            }
            "arm" => {
                let own = number(&self.variant, 7).min(9);
                runs.extend((5..own).rev().map(|it| spelled("arm", it)));
            }
            "arm64" => {
                let own = number(&self.variant, 8).min(9);
                runs.extend((8..own).rev().map(|it| spelled("arm64", it)));
                runs.extend((5..=8).rev().map(|it| spelled("arm", it)));
            }
            _ => (),
        }
        runs
    }
}

/// The normal spelling of a processor and its variant.
fn normal(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("i386" | "i686" | "x86", _) => ("386", ""),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("powerpc64" | "ppc64el", variant) => ("ppc64le", variant),
        ("loongarch64", variant) => ("loong64", variant),
        other => other,
    };
    let variant = match (architecture, variant) {
        ("amd64", "v1") | ("arm64", "8" | "v8" | "v8.0") => "",
        ("arm", "" | "7") => "v7",
        ("arm", "5") => "v5",
        ("arm", "6") => "v6",
        ("arm", "8") => "v8",
        (_, other) => other,
    };
    (architecture.to_owned(), variant.to_owned())
}

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, ParsePlatformError> {
        Self::parse(text, &Self::host())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        if !self.os_version.is_empty() {
            write!(f, "({})", self.os_version)?;
        }
        write!(f, "/{}", self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

const OPERATING_SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "macos",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];

const PROCESSORS: &[&str] = &[
    "386", "aarch64", "amd64", "arm", "arm64", "armel", "armhf", "i386", "loong64", "mips", "mips64", "mips64le",
    "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm", "x86-64", "x86_64",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_become_normal() {
        for (text, normal) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("Linux/ARM/v6", "linux/arm/v6"),
            ("arm64", "linux/arm64"),
            ("windows/amd64", "windows/amd64"),
            ("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"),
            ("linux/amd64/v2", "linux/amd64/v2"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), normal);
        }
        for text in [
            "",
            "/",
            "linux/",
            "a/b/c/d",
            "a/b/c/d/e",
            "windows(10/amd64",
            "nonsense",
            "linux/am d64",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_exact_match_is_better_than_a_forerunner() {
        let rank = |wanted: &str, image: &str| wanted.parse::<Platform>().unwrap().rank(&image.parse().unwrap());
        assert_eq!(rank("linux/amd64", "linux/amd64"), Some(0));
        assert!(rank("linux/amd64", "linux/386") > Some(0));
        assert_eq!(rank("linux/amd64", "linux/amd64/v3"), None);
        assert!(rank("linux/amd64/v3", "linux/amd64/v2") < rank("linux/amd64/v3", "linux/amd64"));
        assert!(rank("linux/arm/v7", "linux/arm/v7") < rank("linux/arm/v7", "linux/arm/v6"));
        assert_eq!(rank("linux/arm/v6", "linux/arm/v7"), None);
        assert!(rank("linux/arm64", "linux/arm/v7").is_some());
        assert_eq!(rank("linux/amd64", "windows/amd64"), None);
        assert_eq!(rank("linux/s390x", "linux/amd64"), None);
    }
}
