//! PostgreSQL's own regression database, made by PostgreSQL's own regression tests, backed up and restored in every way: equal in objects, in rows, in
//! large objects. `make torture` fetches it (`scripts/setup-postgres-regress.sh`).

use std::io::Write;

use keepstone_model::restore::Loading;

use super::{
    torture::{contents, differing, picture},
    *,
};

/// With the columns of every table that inherits in the order of their names: `pg_dump` itself brings some of these back in another order.
fn in_any_order(picture: &str) -> (String, usize) {
    let mut moved = 0;
    let paragraphs = picture.split("\n\n").map(|paragraph| {
        let is_inheriting = paragraph.trim_start().starts_with("CREATE TABLE ") && paragraph.contains("\nINHERITS (");
        let Some((head, rest)) = is_inheriting.then(|| paragraph.split_once(" (\n")).flatten() else { return paragraph.to_owned() };
        let Some((columns, tail)) = rest.split_once("\n)\n") else { return paragraph.to_owned() };
        let before: Vec<&str> = columns.lines().map(|line| line.trim_end_matches(',')).collect();
        let mut after = before.clone();
        after.sort_unstable();
        moved += usize::from(before != after);
        format!("{head} (\n{}\n)\n{tail}", after.join("\n"))
    });
    (paragraphs.collect::<Vec<_>>().join("\n\n"), moved)
}

/// Runs PostgreSQL's tests on the server, which leave the database `regression` behind; how many of them passed.
fn regress(server: &Server, suite: &str) -> String {
    let here = server.dir.join("regress");
    let script = "set -e; mkdir \"$1\" \"$1/out\"; cd \"$1\"; tar x; \
        ./pg_regress --host=127.0.0.1 --port=\"$2\" --user=postgres --dbname=regression --inputdir=. --outputdir=out --bindir=\"$3\" --dlpath=\"$1/lib\" \
        --schedule=parallel_schedule --max-connections=20 2>&1 || true";
    let tar = Command::new("tar").args(["c", "-C", suite, "."]).output().unwrap();
    let (folder, bin) = (here.display().to_string(), server.bin.display().to_string());
    let mut child = server::command("sh")
        .args(["-c", script, "sh", &folder, &server.port.to_string(), &bin])
        .env("PGPASSWORD", server::PASSWORD)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&tar.stdout).unwrap();
    let said = String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned();
    let last = said.lines().rev().map(str::trim).find(|line| line.contains(" tests ")).map(str::to_owned);
    last.unwrap_or_else(|| panic!("pg_regress: {said}"))
}

#[test]
#[ignore = "wants PostgreSQL's regression tests: a part of make torture"]
fn postgresql_s_own_regression_database_comes_back_equal() {
    let Some(server) = server() else { return };
    let Ok(suite) = std::env::var("KEEPSTONE_PG_REGRESS") else { panic!("KEEPSTONE_PG_REGRESS names no folder") };
    let passed = regress(server, &suite);
    let tables: u64 =
        server.psql("regression", "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384").parse().unwrap();
    assert!(tables > 300, "{passed}: {tables} tables");

    let fixture = testing::vault();
    let vault = &fixture.vault;
    let database = add(vault, &server.url("regression"), "regression").unwrap();
    let (objects, moved) = in_any_order(&picture(server, "regression"));
    let rows = contents(server, "regression");
    // What PostgreSQL's own tools make of it, to the line.
    server.psql("postgres", "CREATE DATABASE by_tools TEMPLATE template0");
    let by_hand = "\"$1/pg_dump\" -Fc -d \"$2\" | \"$1/pg_restore\" --exit-on-error -d \"$3\"";
    let mut tools = Command::new("sh");
    tools.args(["-c", by_hand, "sh"]).arg(&server.bin).args([server.url("regression"), server.url("by_tools")]);
    assert!(tools.status().unwrap().success());
    let by_tools = (picture(server, "by_tools").replace("by_tools", "regression"), contents(server, "by_tools"));
    assert_eq!(differing(&in_any_order(&by_tools.0).0, &objects), Vec::<String>::new(), "by PostgreSQL's own tools");
    // A restore fills materialized views anew; one of them was not up to date.
    let views = server.psql("regression", "SELECT schemaname || '.' || matviewname FROM pg_matviews");
    let mut other_rows = differing(&by_tools.1, &rows);
    other_rows.retain(|line| !views.lines().any(|view| line[2..].split('|').next() == Some(view)));
    assert_eq!(other_rows, Vec::<String>::new(), "by PostgreSQL's own tools");

    let mut ways = 0;
    let mut check = |name: &str, how: &str| {
        let found = picture(server, name).replace(name, "regression");
        assert!(found == by_tools.0, "{how}: {:?}", differing(&found, &by_tools.0));
        assert_eq!(differing(&contents(server, name), &by_tools.1), Vec::<String>::new(), "{how}");
        ways += 1;
    };
    let mut custom = None;
    for plain_sql in [false, true] {
        let image = ImageOptions { plain_sql, ..ImageOptions::default() };
        let made = create(vault, &CreateOptions { image, ..CreateOptions::new(database.id.clone(), "alice") }, &Silent).unwrap();
        assert!(made.backup.is_good(), "{:?}", made.backup.proof);
        for (number, loading) in [Loading::Streamed, Loading::SingleTransaction, Loading::Parallel { jobs: 3 }].into_iter().enumerate() {
            let name = format!("again_{number}_{plain_sql}");
            let target = new_database(vault, &database, &made.backup.id, Some(&name)).unwrap();
            let mut plan = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target, safety_backup: true }).unwrap();
            plan.loading = loading;
            restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent).unwrap();
            check(&name, &format!("{loading:?} {plain_sql}"));
            server.psql("postgres", &format!("DROP DATABASE {name}"));
        }
        if !plain_sql {
            custom = Some(made);
        }
    }
    let custom = custom.unwrap();
    restore_to(vault, &custom, Target::Replace).unwrap();
    check("regression", "replaced");
    let plan =
        plan_restore(vault, &PlanOptions { backup: custom.backup.id.clone(), target: Target::InPlace, safety_backup: true }).unwrap();
    assert!(!plan.warnings.join(" ").contains("What the backup does not hold stays"), "{:?}", plan.warnings);
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent).unwrap();
    check("regression", "in place");
    let metadata = archive_of(vault, &custom).metadata().clone();
    let figures = format!(
        "FIGURES PostgreSQL's regression database: {passed} {} objects of pg_dump, {tables} tables, {} rows, {} large objects; {ways} ways back, each equal \
         ({moved} inheriting tables in another order of columns, as by pg_dump and pg_restore)",
        objects.lines().filter(|line| line.starts_with("-- Name: ")).count(),
        metadata.total_records,
        metadata.source.postgres.unwrap().large_objects,
    );
    writeln!(std::io::stdout(), "{figures}").unwrap();
}
