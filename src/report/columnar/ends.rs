//! The ends of a connection as columns: their addresses, and who had them.
//!
//! In: a connection with its names. Out: the columns that `calls` and `connections` have alike. `client_group` and
//! `server_group` say what findings group by, with its namespace: the workload of a client, the service of a server, or
//! the host; null where no name is known.

use std::net::SocketAddr;

use super::pool::TextPool;
use super::table::{TableCell, TableColumn};
use crate::inspect::ConnectionRecord;
use crate::names::{IsServer, Name};

pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("client_ip"),
        TableColumn::small("client_port"),
        TableColumn::text("client_group"),
        TableColumn::text("client_namespace"),
        TableColumn::text("client_pod"),
        TableColumn::text("client_workload"),
        TableColumn::text("client_service"),
        TableColumn::text("server_ip"),
        TableColumn::small("server_port"),
        TableColumn::text("server_group"),
        TableColumn::text("server_namespace"),
        TableColumn::text("server_pod"),
        TableColumn::text("server_workload"),
        TableColumn::text("server_service"),
    ]
}

/// The cells of a connection.
pub(super) fn cells(record: &ConnectionRecord, pool: &mut TextPool) -> Vec<TableCell> {
    let names = &record.names;
    let mut cells = end(record.client, names.client.as_deref(), IsServer::No, pool);
    cells.extend(end(
        record.server,
        names.server.as_deref(),
        IsServer::Yes,
        pool,
    ));
    cells
}

fn end(
    address: SocketAddr,
    name: Option<&Name>,
    is_server: IsServer,
    pool: &mut TextPool,
) -> Vec<TableCell> {
    let group = name.map(|name| match name.group(is_server) {
        (Some(namespace), group) => format!("{namespace}/{group}"),
        (None, group) => group,
    });
    let mut cells = vec![
        pool.cell(&address.ip().to_string()),
        TableCell::Small(address.port().into()),
        TableCell::maybe(group.as_deref(), |group| pool.cell(group)),
    ];
    let parts = match name {
        Some(name) => [&name.namespace, &name.pod, &name.workload, &name.service],
        None => [&None; 4],
    };
    for part in parts {
        cells.push(TableCell::maybe(part.as_deref(), |text| pool.cell(text)));
    }
    cells
}
