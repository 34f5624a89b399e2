//! Lists, whole and in pages.

use serde_json::{Value, json};
use turbomcp_tests::stage::Order;

use crate::site::{Scene, failure, said, soon};

pub async fn tools_are_listed_with_their_schemas(scene: Scene) {
    let (_site, client) = scene.client().await;
    let tools = soon(client.list_all_tools()).await.unwrap();
    let add = tools.iter().find(|tool| tool.name == "add").unwrap();
    assert_eq!(add.description.as_deref(), Some("Adds two numbers."));
    assert_eq!(add.input_schema["properties"]["b"]["maximum"], 10);
    let point = tools.iter().find(|tool| tool.name == "point").unwrap();
    assert!(point.output_schema.is_some());
}

pub async fn tools_are_listed_in_pages(scene: Scene) {
    let (whole, pages) = (scene.site().await, scene.site_of(|plan| plan.page_size = 5).await);
    let all = soon(whole.client().await.list_all_tools()).await.unwrap();
    let client = pages.client().await;
    let (mut listed, mut count, mut list) = (Vec::new(), 0, client.list_tools());
    while let Some(page) = soon(list.next()).await {
        let page = page.unwrap();
        assert!(page.tools.len() <= 5);
        listed.extend(page.tools.into_iter().map(|tool| tool.name));
        count += 1;
    }
    assert_eq!(listed, all.into_iter().map(|tool| tool.name).collect::<Vec<_>>());
    assert_eq!(count, listed.len().div_ceil(5));
}

pub async fn resources_are_listed_in_pages(scene: Scene) {
    let site = scene.site_of(|plan| plan.page_size = 1).await;
    let resources = soon(site.client().await.list_all_resources()).await.unwrap();
    let uris: Vec<_> = resources.iter().map(|resource| resource.uri.as_str()).collect();
    assert_eq!(uris, ["test://fixed", "test://blob", "test://broken", "test://asking"]);
    assert_eq!(resources[0].mime_type.as_deref(), Some("text/plain"));
}

pub async fn templates_are_listed_in_pages(scene: Scene) {
    let site = scene.site_of(|plan| plan.page_size = 1).await;
    let templates = soon(site.client().await.list_all_resource_templates()).await.unwrap();
    let templates: Vec<_> = templates.iter().map(|template| template.uri_template.as_str()).collect();
    assert_eq!(templates, ["test://item/{id}", "file:///srv/{+path}"]);
}

pub async fn prompts_are_listed_in_pages(scene: Scene) {
    let site = scene.site_of(|plan| plan.page_size = 2).await;
    let prompts = soon(site.client().await.list_all_prompts()).await.unwrap();
    assert_eq!(
        prompts.iter().map(|prompt| prompt.name.as_str()).collect::<Vec<_>>(),
        ["review", "asking_prompt", "gallery"]
    );
    let arguments = prompts[0].arguments.as_deref().unwrap();
    assert_eq!((arguments[0].name.as_str(), arguments[0].required), ("code", Some(true)));
}

pub async fn a_cursor_nobody_gave_out_is_an_error(scene: Scene) {
    let (_site, client) = scene.client().await;
    let error = failure(client.request::<Value>("tools/list", json!({"cursor": "made up"}))).await;
    assert_eq!(error.code().unwrap().0, -32602, "{error}");
    soon(client.list_all_tools()).await.unwrap();
}

pub async fn what_is_added_is_listed_and_called(scene: Scene) {
    let (site, client) = scene.client().await;
    let is_listed =
        async || soon(client.list_tools().fresh().all()).await.unwrap().iter().any(|tool| tool.name == "new");
    assert!(!is_listed().await);
    site.order(Order::AddTool("new".to_owned())).await;
    assert!(is_listed().await);
    assert_eq!(said(&client, "new", json!({"a": [1]})).await, r#"{"a":[1]}"#);
}
