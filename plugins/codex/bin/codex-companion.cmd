@echo off
rem Finds the installed codex-companion and runs it. See codex-companion (without .cmd) for the rules.
setlocal
if defined CODEX_COMPANION_BIN if exist "%CODEX_COMPANION_BIN%" (
    "%CODEX_COMPANION_BIN%" %*
    exit /b
)
for %%F in (codex-companion.exe) do if not "%%~$PATH:F"=="" (
    "%%~$PATH:F" %*
    exit /b
)
if defined CARGO_HOME if exist "%CARGO_HOME%\bin\codex-companion.exe" (
    "%CARGO_HOME%\bin\codex-companion.exe" %*
    exit /b
)
if exist "%USERPROFILE%\.cargo\bin\codex-companion.exe" (
    "%USERPROFILE%\.cargo\bin\codex-companion.exe" %*
    exit /b
)
if exist "%~dp0codex-companion-native.exe" (
    "%~dp0codex-companion-native.exe" %*
    exit /b
)
set "missing=codex-companion is not installed, so Codex cannot be asked and nothing is reviewed. Install it: cargo install --path crates/cli (in a checkout of codex-companion), then start a new session"
if "%~1"=="hook" goto hook
if "%~1"=="slash" (
    echo %missing%
    exit /b 0
)
echo %missing%>&2
exit /b 127
:hook
if "%~2"=="session-start" goto say
if "%~2"=="prompt-expansion" goto say
if "%~2"=="stop" goto say
echo {}
exit /b 0
:say
echo {"systemMessage":"%missing%"}
exit /b 0
