#!/usr/bin/env node
// Finds the program for this platform, which npm installed as an optional dependency, and becomes it.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const platform = `${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "codex-companion.exe" : "codex-companion";

let program;
try {
  program = require.resolve(`@codex-companion/${platform}/bin/${file}`);
} catch {
  console.error(
    `codex-companion: the package @codex-companion/${platform} is not installed. Either npm was told to leave out ` +
      "optional dependencies (install without --omit=optional), or there is no build for this platform: " +
      "`cargo install codex-companion` makes one.",
  );
  process.exit(127);
}

const words = process.argv.slice(2);

if (typeof process.execve === "function" && process.platform !== "win32") {
  // One process less, and nothing to pass on. Newer Node only.
  process.removeAllListeners("warning");
  process.on("warning", () => {});
  process.execve(program, [program, ...words], process.env);
}

const child = spawn(program, words, { stdio: "inherit" });
const passedOn = ["SIGINT", "SIGTERM", "SIGHUP"];
for (const signal of passedOn) {
  process.on(signal, () => child.kill(signal));
}
child.on("error", (error) => {
  console.error(`codex-companion: ${program} could not be started: ${error.message}`);
  process.exit(126);
});
child.on("exit", (code, signal) => {
  process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : code);
});
