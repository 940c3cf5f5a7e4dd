//! What is read where rows are exported.

use super::{Shown, count};

words! {
    json { en: "JSON: a zip with one document per table" }
    csv { en: "CSV: a zip with one file per table" }
    sql { en: "SQL: one script that sqlite3 or psql loads, as its database is" }
    lead_backup { en: "For other programs. The backup is unpacked and checked first." }
    lead_database { en: "For other programs, of the live database as it is at one moment. Its application keeps running." }
    title_backup { en: "Export the rows of this backup" }
    title_database(database: Shown) { en: "Export the rows of {database}" }
    no_table { en: "It holds no table" }
    back { en: "Back" }
    take_sensitive { en: "Also the columns that look sensitive: keep the file where nobody else reads it" }
    ask_an_admin { en: "An admin may take them along." }
    format { en: "Format" }
    sensitive_words_before { en: "The words by which they are known stand in " }
    sensitive_words_after { en: " of the vault, if it has one." }
    tables { en: "Tables" }
    caption { en: "The tables that can be exported" }
    left_out { en: "Left out" }
    left_out_columns(columns: u64) {
        en: match columns {
            0 => "No column looks sensitive.".to_owned(),
            1 => "1 column looks sensitive and is left out; it is marked below.".to_owned(),
            more => format!("{} columns look sensitive and are left out; they are marked below.", count(more)),
        }
    }
    export { en: "Export and download" }
}
