/** Numbers as people read them. */

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `0 B`, `1.5 KiB`, `25.8 GiB`: three digits that matter. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  while (bytes >= 1024 && unit < BYTE_UNITS.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 ? bytes : threeDigits(bytes)} ${BYTE_UNITS[unit]}`;
}

/** `1,234,567`. By hand, because the first use of a locale costs 50 ms. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** `85 us`, `4.21 ms`, `1.35 s`, `12 min 5 s` */
export function formatDuration(ms: number): string {
  if (ms < 0.9995) return `${threeDigits(ms * 1000)} us`;
  if (ms < 999.5) return `${threeDigits(ms)} ms`;
  if (ms < 99_950) return `${threeDigits(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000), minutes = Math.round(seconds / 60);
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${formatCount(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** `0.123`, `12.3`, `123`, `1,234`: enough to compare, not more than was measured. */
export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 99.95) return formatCount(value);
  return value.toFixed(Math.abs(value) >= 9.995 ? 1 : Math.abs(value) >= 0.9995 ? 2 : 3);
}

/** `12.3%` */
export function formatPercent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

/** One noun with its number: `1 token`, `2 tokens`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `0.352 ± 0.094`: a measured value as it was formatted, with its standard error where there is one. */
export function withError(value: string, error: number | null): string {
  return error === null ? value : `${value} ± ${error.toPrecision(2)}`;
}

/** The first few of many names, each once. */
export function firstFew(names: readonly string[]): string {
  const all = [...new Set(names)], shown = all.slice(0, 4).join(", ");
  return all.length > 4 ? `${shown} and ${formatCount(all.length - 4)} more` : shown;
}
