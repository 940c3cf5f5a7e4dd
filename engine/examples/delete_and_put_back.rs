//! Deletes a backup, which goes to the trash for a day, and takes it back.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent,
    create::{CreateOptions, create},
    delete::{delete, put_back, trash},
};

fn main() -> shop::Outcome {
    let (_folder, _application, vault, shop) = shop::open()?;
    let older = create(&vault, &CreateOptions::new(shop.clone(), "shop"), &Silent)?.backup;
    let newest = create(&vault, &CreateOptions::new(shop, "shop"), &Silent)?.backup;

    let report = delete(&vault, &older.id, "shop")?;
    println!("{} can be put back until {}", older.id, report.until);
    assert_eq!(trash(&vault)?.len(), 1);

    // The only good backup that is left cannot be deleted.
    let refused = delete(&vault, &newest.id, "shop").expect_err("the only one that is left");
    println!("{refused}");
    assert_eq!(refused.code(), "delete_refused");

    assert!(put_back(&vault, &older.id, "shop")?.is_good());
    assert!(trash(&vault)?.is_empty());
    Ok(())
}
