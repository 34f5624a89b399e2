//! `@modelcontextprotocol/server-memory`: each of its tools, on a graph of its own.

use serde::Deserialize;
use serde_json::{Value, json};
use turbomcp::client::Client;

use crate::report::{Outcome, Report, expect};

const TOOLS: [&str; 9] = [
    "add_observations",
    "create_entities",
    "create_relations",
    "delete_entities",
    "delete_observations",
    "delete_relations",
    "open_nodes",
    "read_graph",
    "search_nodes",
];

#[derive(Debug, Deserialize)]
struct Graph {
    entities: Vec<Entity>,
    relations: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Entity {
    name: String,
    observations: Vec<String>,
}

pub async fn drive(report: &mut Report, client: &Client) {
    report.check("lists_tools", lists_tools(client)).await;
    let entity = |name: &str| json!({"name": name, "entityType": "person", "observations": ["counts"]});
    let relation = json!({"relations": [{"from": "Ada", "to": "Grace", "relationType": "knows"}]});
    let observation = json!({"observations": [{"entityName": "Ada", "contents": ["sings"]}]});
    let forgotten = json!({"deletions": [{"entityName": "Ada", "observations": ["counts"]}]});
    let steps = [
        ("makes_entities", "create_entities", json!({"entities": [entity("Ada"), entity("Grace")]}), (2, 0, 2)),
        ("relates_them", "create_relations", relation.clone(), (2, 1, 2)),
        ("adds_an_observation", "add_observations", observation, (2, 1, 3)),
        ("forgets_an_observation", "delete_observations", forgotten, (2, 1, 2)),
        ("finds_what_it_seeks", "search_nodes", json!({"query": "sings"}), (2, 1, 2)),
        ("opens_a_node", "open_nodes", json!({"names": ["Grace"]}), (2, 1, 2)),
        ("unrelates_them", "delete_relations", relation, (2, 0, 2)),
        ("forgets_an_entity", "delete_entities", json!({"entityNames": ["Grace"]}), (1, 0, 1)),
    ];
    for (name, tool, arguments, left) in steps {
        report.check(name, changes(client, tool, arguments, left)).await;
    }
    report.check("keeps_the_rest", keeps_the_rest(client)).await;
    report.check("sees_a_tool_fail", sees_a_tool_fail(client)).await;
}

async fn lists_tools(client: &Client) -> Outcome {
    let mut names: Vec<_> = client.list_all_tools().await?.into_iter().map(|tool| tool.name).collect();
    names.sort();
    expect(names == TOOLS, "the tools", names)
}

async fn graph(client: &Client) -> Outcome<Graph> {
    Ok(client.call_tool_as("read_graph", json!({})).await?)
}

/// Calls a tool, whose result has to fit its schema, and counts what is in the graph after it.
async fn changes(client: &Client, tool: &str, arguments: Value, left: (usize, usize, usize)) -> Outcome {
    let result = client.call_tool(tool, arguments).await?;
    expect(!result.is_error() && result.structured_content.is_some(), "structured content", &result)?;
    let graph = graph(client).await?;
    let observations = graph.entities.iter().map(|entity| entity.observations.len()).sum();
    let counted = (graph.entities.len(), graph.relations.len(), observations);
    expect(counted == left, &format!("{left:?}"), graph)
}

async fn keeps_the_rest(client: &Client) -> Outcome {
    let graph = graph(client).await?;
    expect(graph.entities[0].name == "Ada" && graph.entities[0].observations == ["sings"], "Ada, who sings", graph)
}

async fn sees_a_tool_fail(client: &Client) -> Outcome {
    let nobody = json!({"observations": [{"entityName": "Nobody", "contents": ["x"]}]});
    let result = client.call_tool("add_observations", nobody).await?;
    expect(result.is_error(), "a failed tool", result)
}
