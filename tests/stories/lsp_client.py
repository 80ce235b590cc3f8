"""Speaks to `varve lsp` with a client that others wrote, which refuses answers that are not as the protocol has them.

Usage: lsp_client.py VARVE DIRECTORY, where DIRECTORY holds `Dockerfile`, `varve.toml` and a directory `src`.
"""

import asyncio
import os
import sys
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.client import BaseLanguageClient

VARVE, DIRECTORY = sys.argv[1], Path(sys.argv[2])
FILE = DIRECTORY / "Dockerfile"
URI = FILE.as_uri()
PATIENCE = 120


class Client(BaseLanguageClient):
    def __init__(self):
        super().__init__("story", "v1")
        self.published = asyncio.Queue()
        self.messages = []

        @self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def _(params: lsp.PublishDiagnosticsParams):
            self.published.put_nowait(params)

        @self.feature(lsp.WINDOW_SHOW_MESSAGE)
        def _(params: lsp.ShowMessageParams):
            self.messages.append(params.message)

        @self.feature(lsp.CLIENT_REGISTER_CAPABILITY)
        def _(params: lsp.RegistrationParams):
            self.watched = params.registrations[0].method

    def report_server_error(self, error, source):
        # Raised in here it would only be logged.
        print(f"the client can't read an answer: {error!r}", file=sys.stderr, flush=True)
        os._exit(3)

    async def diagnostics(self):
        """The next that are sent, by code."""
        params = await asyncio.wait_for(self.published.get(), PATIENCE)
        assert params.uri == URI
        return params.version, {diagnostic.code: diagnostic for diagnostic in params.diagnostics}


async def begin(capabilities):
    client = Client()
    await client.start_io(VARVE, "lsp", "--stdio", cwd=DIRECTORY)
    answer = await client.initialize_async(
        lsp.InitializeParams(capabilities=capabilities, root_uri=DIRECTORY.as_uri())
    )
    assert answer.server_info.name == "varve"
    client.initialized(lsp.InitializedParams())
    return client, answer.capabilities


async def end(client):
    await client.shutdown_async(None)
    client.exit(None)
    assert await asyncio.wait_for(client._server.wait(), PATIENCE) == 0, "it ends as it was asked to"
    await client.stop()


def opened(text):
    item = lsp.TextDocumentItem(uri=URI, language_id="dockerfile", version=1, text=text)
    return lsp.DidOpenTextDocumentParams(text_document=item)


def changed(version, line, start, stop, text):
    return lsp.DidChangeTextDocumentParams(
        text_document=lsp.VersionedTextDocumentIdentifier(uri=URI, version=version),
        content_changes=[
            lsp.TextDocumentContentChangePartial(range=between(line, start, line, stop), text=text)
        ],
    )


def between(line, character, end_line, end_character):
    return lsp.Range(
        start=lsp.Position(line=line, character=character),
        end=lsp.Position(line=end_line, character=end_character),
    )


def edited(text, edits):
    """`text` with edits made. Its characters are all one unit wide."""
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    spans = [
        (
            lines[edit.range.start.line] + edit.range.start.character,
            lines[edit.range.end.line] + edit.range.end.character,
            edit.new_text,
        )
        for edit in edits
    ]
    for start, stop, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[stop:]
    return text


async def a_person_writes():
    """Diagnostics are sent, and all else is asked for."""
    client, can = await begin(
        lsp.ClientCapabilities(
            text_document=lsp.TextDocumentClientCapabilities(
                publish_diagnostics=lsp.PublishDiagnosticsClientCapabilities(
                    related_information=True,
                    version_support=True,
                    tag_support=lsp.ClientDiagnosticsTagOptions(value_set=list(lsp.DiagnosticTag)),
                ),
                code_action=lsp.CodeActionClientCapabilities(
                    code_action_literal_support=lsp.ClientCodeActionLiteralOptions(
                        code_action_kind=lsp.ClientCodeActionKindOptions(value_set=["quickfix", "source"])
                    )
                ),
                document_symbol=lsp.DocumentSymbolClientCapabilities(hierarchical_document_symbol_support=True),
            ),
            workspace=lsp.WorkspaceClientCapabilities(
                workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True),
                did_change_watched_files=lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
            ),
        )
    )
    assert can.position_encoding == lsp.PositionEncodingKind.Utf16
    text = FILE.read_text()
    client.text_document_did_open(opened(text))
    version, found = await client.diagnostics()
    assert version == 1
    assert client.watched == "workspace/didChangeWatchedFiles"
    assert found["DL4000"].severity == lsp.DiagnosticSeverity.Error
    assert list(found["DL4000"].tags) == [lsp.DiagnosticTag.Deprecated]
    assert found["DL4000"].code_description.href.startswith("https://")
    assert found["DL3000"].severity == lsp.DiagnosticSeverity.Information, "as varve.toml has it"
    assert "DL3006" not in found, "varve.toml does not want it"

    document = lsp.TextDocumentIdentifier(uri=URI)

    def at(line, character):
        return {"text_document": document, "position": lsp.Position(line=line, character=character)}

    # A misspelt instruction appears, and goes away.
    client.text_document_did_change(changed(2, 5, 0, 3, "RUNN"))
    version, broken = await client.diagnostics()
    assert version == 2 and "did you mean `RUN`?" in broken["unknown-instruction"].message
    client.text_document_did_change(changed(3, 5, 0, 4, "RUN"))
    version, found = await client.diagnostics()
    assert version == 3 and "unknown-instruction" not in found

    hover = await client.text_document_hover_async(lsp.HoverParams(**at(5, 12)))
    assert "`RELEASE` = `12`" in hover.contents.value
    hover = await client.text_document_hover_async(lsp.HoverParams(**at(1, 7)))
    text_of = hover.contents.value
    assert "Image `story/base`" in text_of and "\n1. `" in text_of, text_of
    hover = await client.text_document_hover_async(lsp.HoverParams(**at(2, 3)))
    assert "org.opencontainers.image.authors" in hover.contents.value

    # What the editor shows while `COPY --from=` is typed.
    client.text_document_did_change(changed(4, 8, 0, 0, "COPY --from= src/"))
    await client.diagnostics()
    items = await client.text_document_completion_async(lsp.CompletionParams(**at(8, 12)))
    assert [item.label for item in items.items] == ["tools"]
    client.text_document_did_change(changed(5, 8, 5, 12, ""))
    await client.diagnostics()
    items = await client.text_document_completion_async(lsp.CompletionParams(**at(8, 10)))
    assert [item.label for item in items.items] == ["main.c"], "and no ignored file"
    client.text_document_did_change(changed(6, 8, 0, 10, ""))
    await client.diagnostics()

    place = await client.text_document_definition_async(lsp.DefinitionParams(**at(7, 13)))
    assert place.range == between(1, 19, 1, 24)
    places = await client.text_document_references_async(
        lsp.ReferenceParams(**at(1, 20), context=lsp.ReferenceContext(include_declaration=True))
    )
    assert [place.range.start.line for place in places] == [1, 7]
    marks = await client.text_document_document_highlight_async(lsp.DocumentHighlightParams(**at(0, 5)))
    assert [mark.range.start.line for mark in marks] == [0, 3, 4, 5]
    named = await client.text_document_prepare_rename_async(lsp.PrepareRenameParams(**at(1, 20)))
    assert named.placeholder == "tools"
    renamed = await client.text_document_rename_async(lsp.RenameParams(**at(1, 20), new_name="kit"))
    change = renamed.document_changes[0]
    assert change.text_document.version == 6
    assert edited(text, change.edits) == text.replace("tools", "kit")

    symbols = await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(text_document=document))
    assert [symbol.name for symbol in symbols] == ["ARG RELEASE=12", "tools", "1 (scratch)"]
    assert [child.name for child in symbols[2].children] == ["COPY --from=tools app /app"]
    folds = await client.text_document_folding_range_async(lsp.FoldingRangeParams(text_document=document))
    assert (folds[0].start_line, folds[0].end_line) == (1, 5)
    tokens = await client.text_document_semantic_tokens_full_async(lsp.SemanticTokensParams(text_document=document))
    assert len(tokens.data) % 5 == 0 and list(tokens.data[:5]) == [0, 0, 3, 0, 0]

    # The comment that silences, taken into the file, does so.
    here = between(4, 0, 4, 0).start
    wanted = lsp.CodeActionParams(
        text_document=document,
        range=lsp.Range(start=here, end=lsp.Position(line=4, character=30)),
        context=lsp.CodeActionContext(diagnostics=[found["DL3000"]], only=["quickfix"]),
    )
    actions = await client.text_document_code_action_async(wanted)
    ignore = next(action for action in actions if action.title == "ignore DL3000 here")
    silent = edited(text, ignore.edit.document_changes[0].edits)
    assert silent.splitlines()[4] == "# hadolint ignore=DL3000"
    assert ignore.diagnostics[0].code == "DL3000"

    # All that is safe, on the whole file.
    wanted.context = lsp.CodeActionContext(diagnostics=[], only=["source.fixAll"])
    actions = await client.text_document_code_action_async(wanted)
    fixed = edited(text, actions[0].edit.document_changes[0].edits)
    assert "MAINTAINER" not in fixed and "LABEL org.opencontainers.image.authors" in fixed, fixed
    client.text_document_did_change(
        lsp.DidChangeTextDocumentParams(
            text_document=lsp.VersionedTextDocumentIdentifier(uri=URI, version=7),
            content_changes=[lsp.TextDocumentContentChangeWholeDocument(text=fixed)],
        )
    )
    _, found = await client.diagnostics()
    assert "DL4000" not in found

    wanted = lsp.DocumentFormattingParams(
        text_document=document, options=lsp.FormattingOptions(tab_size=4, insert_spaces=True)
    )
    laid_out = edited(fixed, await client.text_document_formatting_async(wanted))
    assert "\n\nFROM scratch\n" in laid_out and "from scratch" not in laid_out, laid_out

    # New settings hold as soon as they are saved; broken ones are told.
    (DIRECTORY / "varve.toml").write_text('[lint]\nignored = ["DL3000"]\n')
    client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams(changes=[]))
    _, found = await client.diagnostics()
    assert "DL3000" not in found and "DL3006" in found, found.keys()
    (DIRECTORY / "varve.toml").write_text("[lint]\nignored = 7\n")
    client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams(changes=[]))
    _, found = await client.diagnostics()
    assert "DL3000" in found
    assert len(client.messages) == 1 and "varve.toml:2" in client.messages[0], client.messages

    client.text_document_did_close(lsp.DidCloseTextDocumentParams(text_document=document))
    assert (await client.diagnostics())[1] == {}
    await end(client)


async def an_editor_asks():
    """Diagnostics are asked for, and characters are bytes."""
    client, can = await begin(
        lsp.ClientCapabilities(
            general=lsp.GeneralClientCapabilities(position_encodings=[lsp.PositionEncodingKind.Utf8]),
            text_document=lsp.TextDocumentClientCapabilities(diagnostic=lsp.DiagnosticClientCapabilities()),
        )
    )
    assert can.position_encoding == lsp.PositionEncodingKind.Utf8
    assert can.diagnostic_provider.inter_file_dependencies is False
    client.text_document_did_open(opened("FROM debian:12\nWORKDIR é😀\n"))
    wanted = lsp.DocumentDiagnosticParams(text_document=lsp.TextDocumentIdentifier(uri=URI))
    report = await client.text_document_diagnostic_async(wanted)
    ranges = {item.code: item.range for item in report.items}
    assert ranges["DL3000"] == between(1, 8, 1, 14)
    assert client.published.empty()
    try:
        await client.protocol.send_request_async("textDocument/dream", {})
    except Exception as error:
        assert error.code == -32601, error
    else:
        raise AssertionError("nobody knows that method")
    await end(client)


for session in [a_person_writes, an_editor_asks]:
    asyncio.run(asyncio.wait_for(session(), PATIENCE))
