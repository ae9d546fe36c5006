/** A report: one page that needs no network, and asks for none. */
import type { Html } from "./html.ts";
import { markup, trusted } from "./html.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

/** A whole document. The policy lets nothing in but its own style and script. */
export async function page(title: string, body: Html): Promise<string> {
  const policy =
    `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src '${await sourceHash(SCRIPT)}'; ` +
    "base-uri 'none'; form-action 'none'";
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
${body}
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`.text;
}

/** As policies name scripts: `sha256-` and the hash in base64. */
async function sourceHash(source: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(source)));
  return `sha256-${btoa(String.fromCharCode(...hash))}`;
}
