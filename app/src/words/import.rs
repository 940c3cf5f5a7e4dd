//! What is read where the backups of other systems are taken in.

use super::{Shown, plural};

words! {
    title { en: "Import backups" }
    lead { en: "What another backup system left becomes backups here. Where it lies nothing is changed, and importing twice adds nothing." }
    no_database { en: "There is no database that they could be of" }
    of_database { en: "They are backups of" }
    zone { en: "Time zone of times that name none" }

    // From a folder of the server.
    by_path { en: "From a folder of the server" }
    no_folder_before { en: "Not while no folder is allowed: start the server with " }
    no_folder_between { en: ", or on the server itself run " }
    no_folder_after { en: "." }
    path { en: "Folder or file" }
    path_help { en: "A whole folder of backups, or one file, inside the folders below." }
    look { en: "Look at what is there" }
    folders { en: "Folders that may be imported from" }
    nothing_there { en: "There are no backups in it." }

    // By upload.
    by_upload { en: "By upload" }
    upload_help(limit: Shown) { en: "Backups, with the .json files that lay beside them if there are any; up to {limit} in all. They are only looked at until you import them." }
    files { en: "Files" }
    upload { en: "Upload and look" }

    // What would become of each file.
    password { en: "Password of the encrypted ones" }
    password_help { en: "Those of this vault are tried anyway. It is kept until the server is stopped, and never written down." }
    import_into(database: Shown) { en: "Import into {database}" }
    import_means { en: "Each is unpacked, compared with what its metadata say, and checked before it counts; what does not pass is refused and stays where it is. Imported backups come before all others and stay outside retention until its policy includes them." }
    plan { en: "What would become of each file" }
    fate_import { en: "import" }
    fate_suspect { en: "suspect" }
    fate_skip { en: "skip" }
    fate_refuse { en: "refuse" }
    caption { en: "The files and what would become of each" }
    file { en: "File" }
    what { en: "What" }
    kind_and_time(kind: Shown, at: Shown) { en: "{kind} of {at}" }
    of_another_name(what: Shown, database: Shown) { en: "{what}, of the database {database}" }
    kind_and_file_date(kind: Shown, at: Shown) { en: "{kind} of {at}, by the file's date" }
    more_files(files: u64) { en: plural(files, "And 1 more file, which is not shown.", "And {} more files, which are not shown.") }
    choose_database { en: "choose a database" }
}
