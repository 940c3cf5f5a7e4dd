//! The activity log as a file.

use axum::http::StatusCode;
use keepstone_engine::activity::{self, NewEvent};
use keepstone_model::{access::Role, event::EventResult};

use super::{Server, header_of, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_downloaded_as_it_is_filtered() {
    let server = Server::new();
    let cookie = server.signed_in(Role::Viewer);
    for number in 0..1203 {
        let event = NewEvent {
            actor: if number % 3 == 0 { "anna" } else { "cli:root" },
            action: "test.done",
            result: if number % 2 == 0 { EventResult::Ok } else { EventResult::Failed },
            database: None,
            backup: None,
            job: None,
            message: format!("=1+1 \"{number}\"\n"),
        };
        activity::record(&server.vault, &event).unwrap();
    }
    let all = activity::events(&server.vault, &activity::EventFilter::default()).unwrap();

    let json = server.get("/activity/download?format=json&db=&who=&result=", &cookie).await;
    assert_eq!((json.status(), header_of(&json, "content-type")), (StatusCode::OK, "application/json"));
    assert!(header_of(&json, "content-disposition").contains("attachment; filename=\"activity_"));
    let json: Vec<keepstone_model::event::Event> = serde_json::from_str(&text(json).await).unwrap();
    assert_eq!(json, all, "all of it, in its order, also across the parts in which it is read");

    let csv = text(server.get("/activity/download?format=csv&who=ANNA&result=failed", &cookie).await).await;
    let lines: Vec<&str> = csv.trim_end().split("\"\r\n").collect();
    assert!(lines[0].starts_with("\"number\",\"at\",\"actor\""), "{}", lines[0]);
    let wanted = all.iter().filter(|event| event.actor == "anna" && event.result == EventResult::Failed).count();
    assert_eq!(lines.len(), wanted + 1);
    assert!(lines[1].contains("\"anna\",\"test.done\",\"failed\"") && lines[1].contains("\"'=1+1 \"\""), "no formula: {}", lines[1]);

    let nothing = text(server.get("/activity/download?format=json&who=nobody", &cookie).await).await;
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&nothing).unwrap(), Vec::<serde_json::Value>::new());
    for (query, status) in [("result=maybe", 404), ("db=../x", 404), ("format=xml", 422)] {
        assert_eq!(server.get(&format!("/activity/download?{query}"), &cookie).await.status().as_u16(), status, "{query}");
    }
}
