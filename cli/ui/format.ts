/** Numbers as people read them, on a terminal as in a report. */
export * from "../../lib/format.ts";
