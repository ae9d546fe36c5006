/** HTML as values: text becomes harmless where it enters, here and nowhere else. */

/** Markup that is safe to put into a page. */
export class Html {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

export type Content = Html | string | number | null | false | readonly Content[];

/** A template whose values are escaped unless they are HTML already; null and false are nothing. */
export function markup(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.map((part, i) => part + (i < values.length ? textOf(values[i]!) : "")).join(""));
}

/** Markup of our own making: of renderers that escape for themselves, and templates that no input reaches. */
export function trusted(text: string): Html {
  return new Html(text);
}

function textOf(value: Content): string {
  if (value === null || value === false) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map(textOf).join("");
  return escape(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (letter) => ENTITIES[letter]!)
    // deno-lint-ignore no-control-regex -- characters that no HTML document may have
    .replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, "\u{fffd}");
}
