//! Streams in, streams out: every encoder's output is read back, and names do not depend on how it was written.

use crate::digest::Sha256;
use crate::layer::{Compression, Encoded, Format, LayerEncoder, decoder, detect};
use std::io::{Read as _, Write as _};

fn encode(compression: Compression, bytes: &[u8], write: usize) -> (Vec<u8>, Encoded) {
    let mut encoder = LayerEncoder::new(compression, Vec::new());
    for piece in bytes.chunks(write) {
        encoder.write_all(piece).unwrap();
    }
    encoder.finish().unwrap()
}

fn read(format: Format, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    decoder(format, bytes)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Bytes that compress, larger than several blocks.
fn sample(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at / 7) ^ (at / 4096)) as u8).collect()
}

#[test]
fn what_goes_in_comes_out_under_names_that_hold() {
    for compression in [Compression::None, Compression::GZIP, Compression::ZSTD] {
        for size in [0, 1, 1 << 20, (9 << 20) + 5] {
            let content = sample(size);
            let (bytes, encoded) = encode(compression, &content, 1 << 20);
            assert_eq!(encoded.digest, Sha256::of(&bytes), "{compression:?} of {size}");
            assert_eq!(
                encoded.diff_id.as_bytes(),
                Sha256::of(&content).as_bytes(),
                "{compression:?} of {size}"
            );
            assert_eq!(
                (encoded.uncompressed_size, encoded.size),
                (size as u64, bytes.len() as u64)
            );
            let format = if compression == Compression::None {
                Format::Tar
            } else {
                detect(&bytes)
            };
            assert_eq!(read(format, &bytes).unwrap(), content, "{compression:?} of {size}");
            assert_eq!(
                encode(compression, &content, 4093).0,
                bytes,
                "{compression:?}: sizes of writes do not matter"
            );
        }
    }
}

#[test]
fn the_pool_can_encode_too() {
    let content = sample(5 << 20);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let inside = pool.install(|| encode(Compression::GZIP, &content, 1 << 16));
    assert_eq!(inside, encode(Compression::GZIP, &content, 1 << 16));
}

#[test]
fn streams_are_known_by_their_first_bytes() {
    let mut header = tar::Header::new_ustar();
    header.set_path("a").unwrap();
    header.set_cksum();
    assert_eq!(detect(header.as_bytes()), Format::Tar);
    assert_eq!(
        detect(&[0; 1024]),
        Format::Unknown,
        "an archive without members, or any other zeros"
    );
    assert_eq!(
        detect(&[0x52, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]),
        Format::Zstd,
        "a skippable frame"
    );
    assert_eq!(detect(b"BZh91AY"), Format::Bzip2);
    assert_eq!(detect(&[0xfd, b'7', b'z', b'X', b'Z', 0, 0]), Format::Xz);
    for unknown in [&b""[..], b"FROM scratch", b"BZhello", &[b'x'; 512], &[0; 511]] {
        assert_eq!(detect(unknown), Format::Unknown);
    }
}

#[test]
fn a_cut_stream_is_an_error() {
    let content = sample(3 << 20);
    for compression in [Compression::GZIP, Compression::ZSTD] {
        let (bytes, _) = encode(compression, &content, 1 << 20);
        assert!(
            read(detect(&bytes), &bytes[..bytes.len() - 3]).is_err(),
            "{compression:?}"
        );
    }
}

#[test]
fn several_streams_are_one_content() {
    let (one, two) = (sample(100_000), sample(70_000));
    let by_tool = |tool: &str, bytes: &[u8]| {
        let mut child = std::process::Command::new(tool)
            .arg("-c")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .ok()?;
        let mut input = child.stdin.take().unwrap();
        let bytes = bytes.to_vec();
        let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
        let output = child.wait_with_output().unwrap().stdout;
        writer.join().unwrap();
        Some(output)
    };
    for tool in ["gzip", "bzip2", "xz", "zstd"] {
        // A tool that is not installed is no failure of ours.
        let (Some(first), Some(second)) = (by_tool(tool, &one), by_tool(tool, &two)) else {
            continue;
        };
        let bytes = [first, second].concat();
        let content = read(detect(&bytes), &bytes).unwrap();
        assert!(content == [&one[..], &two].concat(), "{tool}");
        assert!(
            read(detect(&bytes), &bytes[..bytes.len() - 9]).is_err(),
            "{tool}, cut off"
        );
    }
}

#[test]
fn levels_have_limits() {
    assert_eq!(Compression::gzip(None), Ok(Compression::GZIP));
    assert!(Compression::gzip(Some(13)).is_err());
    assert!(Compression::zstd(Some(-1)).is_err());
}
