//! The protocol's side: what the server is, and which call goes where.

use std::path::{Path, PathBuf};

use codex_base::text::one_line;
use codex_companion_core::{Companion, VERSION};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerCapabilities, ServerConfig,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{RoleServer, ServerHandler};
use tokio_util::task::TaskTracker;

use crate::arguments::Call;
use crate::calls::Calls;
use crate::reply::Reply;
use crate::roots::Workspaces;
use crate::trace::event;
use crate::{resources, tools};

/// The server of one connection.
#[derive(Debug)]
pub(crate) struct Server {
    calls: Calls,
    /// The calls that are not over.
    running: TaskTracker,
}

impl Server {
    pub(crate) fn new(companion: Companion, directory: &Path, codex: Option<PathBuf>) -> Self {
        let workspaces = Workspaces::new(directory);
        Self { calls: Calls { companion, codex, workspaces }, running: TaskTracker::new() }
    }

    /// What tells when all calls are over.
    pub(crate) fn calls(&self) -> TaskTracker {
        self.running.clone()
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("codex-companion", VERSION))
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all().to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let _running = self.running.token();
        let Some(call) = Call::read(&request.name, request.arguments) else {
            let message =
                format!("there is no tool `{}`; there are {}", one_line(&request.name, 60), tools::names());
            return Err(ErrorData::invalid_params(message, None));
        };
        event!(INFO, tool = %request.name, "call started");
        let reply = match call {
            Ok(call) => self.calls.run(call, &context).await,
            Err(failure) => Err(failure),
        };
        event!(
            INFO,
            tool = %request.name,
            error = reply.as_ref().err().map(|error| error.kind().as_str()),
            "call ended"
        );
        Ok(CallToolResult::from(reply.unwrap_or_else(Reply::failed)).into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(self.calls.resources(&context).await?))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(vec![resources::template()]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let contents = self.calls.resource(&request.uri, &context).await?;
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn on_roots_list_changed(&self, _: NotificationContext<RoleServer>) {
        self.calls.workspaces.forget().await;
    }
}
