//! Dumps of the custom format as `pg_dump` would write them, whole and broken.

use proptest::prelude::*;

use super::*;

/// Writes what `pg_dump` 15 would.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn int(&mut self, value: i32) -> &mut Self {
        self.0.push(u8::from(value < 0));
        self.0.extend(value.unsigned_abs().to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.int(i32::try_from(text.len()).unwrap());
        self.0.extend(text.as_bytes());
        self
    }

    fn entry(&mut self, number: i32, kind: &str, name: &str, data: bool) {
        self.int(number).int(data.into()).text("1259").text("16384").text(name).text(kind).int(3).text("").text("");
        self.text("COPY …").text("public").text("").text("heap").text("app").text("false").text("7").int(-1);
        self.0.push(if data { 1 } else { 3 });
        self.0.extend([0; 8]);
    }
}

fn dump(rows: &[&str]) -> Vec<u8> {
    let mut dump = Writer(b"PGDMP\x01\x0e\x00\x04\x08\x01".to_vec());
    dump.int(0);
    for _ in 0..7 {
        dump.int(1);
    }
    dump.text("shop").text("15.8").text("15.8 (Debian)").int(2);
    dump.entry(5, "TABLE", "orders", false);
    dump.entry(6, "TABLE DATA", "orders", true);
    dump.0.push(1);
    dump.int(6);
    for row in rows {
        dump.text(&format!("{row}\n"));
    }
    dump.text("\\.\n\n\n").int(0);
    dump.0
}

fn read_all(bytes: &[u8]) -> io::Result<Contents> {
    read(&mut &*bytes, &mut |_| ())
}

#[test]
fn rows_are_counted_in_the_data_itself() {
    let contents = read_all(&dump(&["1\tpen\\nand ink", "2\tcup"])).unwrap();
    assert_eq!(contents.counts().unwrap(), BTreeMap::from([("orders".to_owned(), 2)]));
    assert_eq!(
        (contents.database.as_str(), contents.format, contents.size_bytes),
        ("shop", (1, 14), dump(&["1\tpen\\nand ink", "2\tcup"]).len() as u64)
    );
    assert_eq!(contents.words(), "2 entries, 1 with data, by pg_dump 15.8 of a server 15.8");
    assert_eq!(read_all(&dump(&[])).unwrap().counts().unwrap()["orders"], 0);
}

#[test]
fn a_dump_that_ends_anywhere_but_at_its_end_is_not_whole() {
    let whole = dump(&["1\tpen", "2\tcup"]);
    for length in 0..whole.len() {
        let error = read_all(&whole[..length]).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData), "{length}: {error}");
    }
    let more = [&whole[..], b"x"].concat();
    assert!(read_all(&more).is_err());
    assert!(read_all(b"-- PostgreSQL database dump").unwrap_err().to_string().contains("no dump of PostgreSQL's custom format"));
}

#[test]
fn the_roles_that_a_policy_cannot_do_without() {
    let bound_to =
        |kind: &str, definition: &str| Entry { kind: kind.to_owned(), definition: definition.to_owned(), ..Entry::default() }.bound_to();
    for (definition, roles) in [
        ("CREATE POLICY p ON public.t TO gone_role USING ((a > 5));\n", vec!["gone_role"]),
        (
            "CREATE POLICY \"x TO y\" ON public.\"a TO b\" AS RESTRICTIVE FOR SELECT TO one, \"Two, 2\" WITH CHECK ((b = ' TO c'::text));\n",
            vec!["one", "Two, 2"],
        ),
        ("CREATE POLICY p ON public.t USING ((a = ' TO x'::text));\n", vec![]),
        ("CREATE POLICY p ON t FOR INSERT TO PUBLIC WITH CHECK (true);\n", vec![]),
        ("CREATE POLICY \"to\" ON \"to\".\"using\" TO \"public\" USING (true)", vec!["public"]),
    ] {
        assert_eq!(bound_to("POLICY", definition), roles, "{definition}");
    }
    assert_eq!(bound_to("USER MAPPING", "CREATE USER MAPPING FOR ro SERVER srv OPTIONS (\n    password 'p'\n);\n"), ["ro"]);
    assert!(bound_to("USER MAPPING", "CREATE USER MAPPING FOR PUBLIC SERVER srv;\n").is_empty());
}

#[test]
fn a_length_that_lies_reserves_nothing() {
    let mut lying = Writer(b"PGDMP\x01\x0e\x00\x04\x08\x01".to_vec());
    for _ in 0..8 {
        lying.int(1);
    }
    lying.int(i32::MAX);
    assert!(read_all(&lying.0).is_err());
}

proptest! {
    #[test]
    fn no_byte_makes_it_panic(at in 0_usize..400, byte: u8) {
        let mut bytes = dump(&["1\tpen", "2\tcup"]);
        let at = at % bytes.len();
        bytes[at] = byte;
        drop(read_all(&bytes));
    }
}
