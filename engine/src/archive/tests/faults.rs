//! A writer that is misused, given up, or whose file fails.

use std::io::Read;

use super::{
    super::{codec::Codec, container::Container, pipeline::Pipeline, pool::Pool},
    *,
};
use crate::{
    direct::{DirectFile, Requests},
    priority::Priority,
};

#[test]
fn levels_out_of_range_are_refused_before_a_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    for (compression, level) in [
        (Compression::Zstd, 0),
        (Compression::Zstd, 20),
        (Compression::Zstd, -1),
        (Compression::Gzip, 0),
        (Compression::Gzip, 10),
        (Compression::None, 1),
    ] {
        let outcome = ArchiveWriter::create(&path, &WriteOptions { compression, level: Some(level), ..WriteOptions::default() });
        assert!(matches!(outcome, Err(Error::Invalid { field: "level", .. })), "{compression:?} {level}");
    }
    assert!(!path.exists());
}

#[test]
fn an_existing_file_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    fs::write(&path, b"mine").unwrap();
    assert!(matches!(ArchiveWriter::create(&path, &WriteOptions::default()), Err(Error::TargetExists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

#[test]
fn the_announced_length_must_come() {
    let folder = tempfile::tempdir().unwrap();
    let begin = |name: &str| ArchiveWriter::create(&folder.path().join(name), &WriteOptions::default()).unwrap();
    let finish = |writer: ArchiveWriter| writer.finish(&mut |facts| metadata_of(facts, Compression::Zstd));

    assert!(matches!(begin("empty").begin(0), Err(Error::Internal(_))));
    assert!(matches!(finish(begin("never begun")), Err(Error::Internal(_))));
    for (name, length) in [("short", 511_usize), ("long", 513)] {
        let mut writer = begin(name);
        writer.begin(512).unwrap();
        writer.write(&vec![1; length]).unwrap();
        assert!(matches!(finish(writer), Err(Error::Internal(_))), "{name}");
    }
}

#[test]
fn metadata_that_does_not_fit_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = ArchiveWriter::create(&folder.path().join("a.zip"), &WriteOptions::default()).unwrap();
    writer.begin(512).unwrap();
    writer.write(&[1; 512]).unwrap();
    let outcome = writer.finish(&mut |facts| Metadata { original_size: 1, ..metadata_of(facts, Compression::Zstd) });
    assert!(matches!(outcome, Err(Error::Internal(_))), "{outcome:?}");
}

/// Whether this process has the file open.
fn is_open(path: &Path) -> bool {
    fs::read_dir("/proc/self/fd").unwrap().any(|fd| fs::read_link(fd.unwrap().path()).is_ok_and(|to| to == path))
}

#[test]
fn a_writer_given_up_midway_stops_and_leaves_no_zip() {
    let image = image(5_000_000, 8);
    for compression in ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut writer = ArchiveWriter::create(&path, &options(compression)).unwrap();
        writer.begin(10_000_000).unwrap();
        writer.write(&image).unwrap();
        assert!(is_open(&path));
        drop(writer);
        // The writing thread owned the file: it is gone.
        assert!(!is_open(&path));
        let left = fs::read(&path).unwrap();
        assert!(!left.windows(4).any(|bytes| bytes == b"PK\x05\x06"), "a directory was written");
    }
}

/// The other end of the pipe goes away after some bytes, as a disk may: the writer learns it from `push` and nothing runs on.
#[test]
fn a_file_that_fails_midway_stops_everything() {
    let key = || Some(crate::keys::DataKey::random().unwrap().payload_key());
    for (codec, key) in
        [(Codec::Zstd(1), None), (Codec::Gzip(6), None), (Codec::Plain, None), (Codec::Zstd(1), key()), (Codec::Plain, key())]
    {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let file = fs::File::from(std::os::fd::OwnedFd::from(writer));
        let container = Container::begin(DirectFile::new(file, Requests::Small), "database.sqlite").unwrap();
        let mut pipeline =
            Pipeline::start(Path::new("/disk/a.zip"), container, codec, keepstone_model::metadata::Form::Sqlite, key, Priority::Normal)
                .unwrap();
        let reading = std::thread::spawn(move || reader.read_exact(&mut vec![0; 300_000]));
        let lent = |bytes: Vec<u8>| {
            let mut block = Pool::new().empty();
            *block = bytes;
            block
        };
        let outcome = (0..10_000).find_map(|seed| pipeline.push(lent(image(BLOCK_BYTES, seed))).err()).unwrap();
        assert!(
            matches!(&outcome, Error::Io { path, source } if path == Path::new("/disk/a.zip") && source.kind() == std::io::ErrorKind::BrokenPipe),
            "{outcome:?}"
        );
        assert!(matches!(pipeline.push(lent(vec![1])), Err(Error::Internal(_))));
        reading.join().unwrap().unwrap();
    }
}

/// What a full disk does, where there is one: `KEEPSTONE_TEST_SMALL_DISK` names a folder on a file system of a few MB.
#[test]
#[ignore = "wants a small file system"]
fn a_full_disk_says_so() {
    let path = PathBuf::from(std::env::var_os("KEEPSTONE_TEST_SMALL_DISK").unwrap()).join("a.zip");
    for compression in ALL {
        let outcome = write(&path, &image(100_000_000, 9), options(compression));
        assert!(matches!(outcome, Err(Error::NoSpace { .. })), "{outcome:?}");
        fs::remove_file(&path).unwrap();
    }
}
