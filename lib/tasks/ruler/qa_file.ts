/** Questions of one's own: SQuAD, HotpotQA, or a line per question. */
import { allRows } from "../files/rows.ts";
import type { Row } from "../files/row.ts";
import type { QaItem } from "./qa_item.ts";

/**
 * Questions in the file's order.
 *
 * @param path  `squad.json`; `hotpotqa.json`; or JSONL with `question`, `answers`, `docs` and the places of the `gold` ones.
 * @throws {UsageError} naming file, place and field.
 */
export async function readQuestions(path: string): Promise<QaItem[]> {
  return (await allRows(path)).flatMap((row) => {
    if (row.has("paragraphs")) return squadItems(row);
    return [row.has("context") ? hotpotItem(row) : plainItem(row)];
  });
}

/** Those of one article that have an answer. */
function squadItems(article: Row): QaItem[] {
  const paragraphs = article.rows("paragraphs");
  const texts = paragraphs.map((paragraph) => paragraph.text("context"));
  return paragraphs.flatMap((paragraph, i) =>
    paragraph.rows("qas").filter((qa) => qa.value("is_impossible") !== true).map((qa): QaItem => ({
      question: qa.text("question"),
      answers: [...new Set(qa.rows("answers").map((answer) => answer.text("text")))],
      gold: [texts[i]!],
      near: texts.filter((_, j) => j !== i),
    }))
  );
}

function hotpotItem(row: Row): QaItem {
  const documents = row.list("context").map((entry) => {
    const [title, sentences] = Array.isArray(entry) ? entry : [];
    if (typeof title !== "string" || !Array.isArray(sentences)) row.fail("context", "a list of [title, [sentences]]");
    return { title, text: `${title}\n${sentences.join("")}` };
  });
  const facts = row.has("supporting_facts") ? row.list("supporting_facts") : null;
  const isGold = ({ title }: { title: string }) =>
    facts === null || facts.some((fact) => Array.isArray(fact) && fact[0] === title);
  const [gold, near] = split(documents, isGold);
  return {
    question: row.text("question"),
    answers: [row.text("answer")],
    gold: gold.map(({ text }) => text),
    near: near.map(({ text }) => text),
  };
}

function plainItem(row: Row): QaItem {
  const documents = row.texts("docs"), places = row.texts("gold").map(Number);
  for (const place of places) {
    if (documents[place] === undefined) row.fail("gold", `places in "docs", from 0 to ${documents.length - 1}`);
  }
  const [gold, near] = split([...documents.entries()], ([i]) => places.includes(i));
  const answers = row.texts("answers");
  if (answers.length === 0) row.fail("answers", "a list of at least one text");
  return {
    question: row.text("question"),
    answers,
    gold: gold.map(([, text]) => text),
    near: near.map(([, text]) => text),
  };
}

function split<T>(list: readonly T[], first: (item: T) => boolean): [T[], T[]] {
  return [list.filter((item) => first(item)), list.filter((item) => !first(item))];
}
