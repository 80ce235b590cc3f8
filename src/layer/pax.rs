//! The records of PAX headers.

use super::entry::{Time, Xattrs};
use super::sparse::{self, Part};

/// What the records in front of a member say of it; an empty value takes an earlier one back.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<Time>,
    pub(super) xattrs: Xattrs,
    pub(super) sparse: Option<Sparse>,
}

/// What the records of a GNU sparse file say.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    /// The file's name; the member has a made-up one.
    pub(super) path: Option<Vec<u8>>,
    /// Size with holes.
    pub(super) size: Option<u64>,
    pub(super) map: Vec<Part>,
    /// Version 1.0: the map stands in front of the data.
    pub(super) in_data: bool,
    /// Version 0.0: the offset that waits for its length.
    offset: Option<u64>,
}

impl Records {
    /// Reads the body of a header. Records tell their own length: values may hold any byte.
    pub(super) fn read(&mut self, mut body: &[u8]) -> Result<(), &'static str> {
        while !body.is_empty() {
            let broken = "a PAX record has no proper length";
            let space = body.iter().take(20).position(|byte| *byte == b' ').ok_or(broken)?;
            let length = decimal(&body[..space])
                .and_then(|it| usize::try_from(it).ok())
                .ok_or(broken)?;
            let record = body
                .get(space + 1..length)
                .and_then(|it| it.strip_suffix(b"\n"))
                .ok_or(broken)?;
            let equals = record
                .iter()
                .position(|byte| *byte == b'=')
                .ok_or("a PAX record has no value")?;
            self.record(&record[..equals], &record[equals + 1..])?;
            body = &body[length..];
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let text = |what| match value {
            [] => Ok(None),
            value if value.contains(&0) => Err(what),
            value => Ok(Some(value.to_vec())),
        };
        let whole = |what| {
            if value.is_empty() {
                Ok(None)
            } else {
                decimal(value).map(Some).ok_or(what)
            }
        };
        let signed = |what| match value {
            [] => Ok(None),
            value => time(value)
                .filter(|it| it.nanoseconds == 0)
                .map(|it| Some(it.seconds))
                .ok_or(what),
        };
        match key {
            b"path" => self.path = text("a PAX path has a zero byte")?,
            b"linkpath" => self.link = text("a PAX link has a zero byte")?,
            b"size" => self.size = whole("a PAX size is not a number")?,
            b"uid" => self.uid = signed("a PAX owner is not a number")?,
            b"gid" => self.gid = signed("a PAX group is not a number")?,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(time(value).ok_or("a PAX time is not a number")?),
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    let name = unescaped(name);
                    self.xattrs.retain(|(other, _)| other[..] != name);
                    if !name.is_empty() && !name.contains(&0) {
                        self.xattrs.push((name.into(), value.into()));
                    }
                } else if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.get_or_insert_default().record(key, value)?;
                }
            }
        }
        Ok(())
    }
}

impl Sparse {
    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let bad = "a sparse map is not made of numbers";
        let number = || decimal(value).ok_or(bad);
        match key {
            b"name" => self.path = Some(value.to_vec()),
            b"size" | b"realsize" => self.size = Some(number()?),
            b"offset" => self.offset = Some(number()?),
            b"numbytes" => {
                let offset = self.offset.take().ok_or(bad)?;
                sparse::push(
                    &mut self.map,
                    Part {
                        offset,
                        length: number()?,
                    },
                )?;
            }
            b"map" => {
                let mut numbers = value.split(|byte| *byte == b',').map(|it| decimal(it).ok_or(bad));
                self.map.clear();
                while let Some(offset) = numbers.next() {
                    let length = numbers.next().ok_or(bad)??;
                    sparse::push(
                        &mut self.map,
                        Part {
                            offset: offset?,
                            length,
                        },
                    )?;
                }
            }
            b"major" => self.in_data = number()? == 1,
            _ => (),
        }
        Ok(())
    }
}

/// Decimal digits, nothing else.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Decimal seconds with an optional sign and fraction.
fn time(value: &[u8]) -> Option<Time> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(value) => (true, value),
        None => (false, value),
    };
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let mut nanoseconds = 0;
    let mut lost = false;
    if let Some(fraction) = parts.next() {
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        for at in 0..9 {
            nanoseconds = nanoseconds * 10 + u32::from(fraction.get(at).map_or(0, |digit| digit - b'0'));
        }
        lost = fraction.iter().skip(9).any(|digit| *digit != b'0');
    }
    if !negative {
        return Some(Time { seconds, nanoseconds });
    }
    // Nanoseconds count upwards, and what is lost is rounded down.
    let nanoseconds = i64::from(nanoseconds) + i64::from(lost);
    let total = -i128::from(seconds) * 1_000_000_000 - i128::from(nanoseconds);
    let seconds = i64::try_from(total.div_euclid(1_000_000_000)).ok()?;
    Some(Time {
        seconds,
        nanoseconds: total.rem_euclid(1_000_000_000) as u32,
    })
}

/// Undoes what GNU tar does to `%` and `=` in names.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        (out, rest) = match rest {
            [b'%', b'2', b'5', after @ ..] => ([&out[..], b"%"].concat(), after),
            [b'%', b'3', b'D', after @ ..] => ([&out[..], b"="].concat(), after),
            _ => {
                out.push(*first);
                (out, after)
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact() {
        let of = |text: &str| time(text.as_bytes()).map(|it| (it.seconds, it.nanoseconds));
        assert_eq!(of("5"), Some((5, 0)));
        assert_eq!(of("5.25"), Some((5, 250_000_000)));
        assert_eq!(of("5.1234567899"), Some((5, 123_456_789)));
        assert_eq!(of("-5"), Some((-5, 0)));
        assert_eq!(of("-0.5"), Some((-1, 500_000_000)));
        assert_eq!(of("-5.0000000001"), Some((-6, 999_999_999)));
        assert_eq!(of("9223372036854775807"), Some((i64::MAX, 0)));
        for bad in ["", "-", ".5", "5.x", "1e3", "+5", "9223372036854775808", "--5"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn values_hold_any_byte_and_lengths_are_believed() {
        let mut records = Records::default();
        let value = b"a\n20 path=smuggled\n\0";
        let key = b"SCHILY.xattr.user.%3D%25x";
        let length = key.len() + value.len() + 5;
        let mut body = format!("{length} ").into_bytes();
        body.extend_from_slice(&[&key[..], b"=", value, b"\n9 path=b\n"].concat());
        records.read(&body).unwrap();
        assert_eq!(records.path.as_deref(), Some(&b"b"[..]));
        assert_eq!(records.xattrs, [(b"user.=%x"[..].into(), value[..].into())]);
        records.read(b"8 path=\n").unwrap();
        assert_eq!(records.path, None);
        for bad in [
            "5 a=b\n", "6 a=bc", "0 a=b\n", "x", "6 abcd\n", "99 a=b\n", "3 \n", " a=b\n",
        ] {
            assert!(Records::default().read(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
