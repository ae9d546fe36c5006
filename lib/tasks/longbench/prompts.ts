/**
 * Prompts in words of our own, of the same shape as LongBench's: who is asked what, the document, the instruction once more, the
 * question, the beginning of the answer. Numbers compare with each other, not with published ones; for those pass the
 * benchmark's `dataset2prompt.json`.
 */
import type { PromptTemplate } from "./template.ts";

/** Another name wherever a word changes. */
export const PROMPT_PACK = "rocketkv-1";

interface Words {
  /** In front of the document, a line or two. */
  readonly lead: string;
  /** Behind it. */
  readonly ask: string;
  readonly question?: string;
  readonly cue: string;
}

/** The parts of a prompt that has a document, an instruction and perhaps a question. */
function prompt({ lead, ask, question, cue }: Words): PromptTemplate {
  const context = `${lead}\n\n{context}`;
  if (question === undefined) return { context, question: `\n\n${ask}`, answerPrefix: cue };
  return { context: `${context}\n\n${ask}`, question: `\n\n${question}`, answerPrefix: cue };
}

const SHORT = "Answer the question from the text above, in as few words as you can, without an explanation.";
const SHORT_ZH = "请根据上文回答下面的问题，答案越短越好，不要解释。";

const question = (what: string) =>
  prompt({
    lead: `Read ${what}. A question about it comes at the end.`,
    ask: SHORT,
    question: "Question: {input}",
    cue: "Answer:",
  });

const questionZh = (what: string) =>
  prompt({ lead: `请阅读${what}，最后有一个问题。`, ask: SHORT_ZH, question: "问题：{input}", cue: "回答：" });

const summary = (what: string, cue = "Summary:") =>
  prompt({ lead: `Read ${what}.`, ask: `Summarise ${what} in one page at most.`, cue });

const bare = (context: string, question: string): PromptTemplate => ({ context, question, answerPrefix: "" });

/** By task. */
export const PROMPTS: Readonly<Record<string, PromptTemplate>> = {
  narrativeqa: question("the story below, a novel or a film script"),
  qasper: prompt({
    lead: "Read the scientific article below. A question about it comes at the end.",
    ask:
      'Answer from the article in as few words as you can. Write "unanswerable" if the article does not say it, and "yes" or ' +
      '"no" where that is the answer. Do not explain.',
    question: "Question: {input}",
    cue: "Answer:",
  }),
  multifieldqa_en: question("the text below"),
  multifieldqa_zh: questionZh("下面的文章"),
  hotpotqa: question("the passages below"),
  "2wikimqa": question("the passages below"),
  musique: question("the passages below"),
  dureader: prompt({
    lead: "请阅读下面的几篇文章。",
    ask: "请根据上面的文章回答问题。",
    question: "问题：{input}",
    cue: "回答：",
  }),
  gov_report: summary("the following report of a government agency"),
  qmsum: prompt({
    lead: "Read the transcript of a meeting below. A request about it comes at the end.",
    ask: "Answer it from the transcript, in one or more sentences.",
    question: "Request: {input}",
    cue: "Answer:",
  }),
  multi_news: summary("the following news articles, which are about the same events"),
  vcsum: prompt({ lead: "请阅读下面的会议记录。", ask: "请总结上面的会议记录。", cue: "总结：" }),
  trec: bare("Say of what type a question is. First come examples.\n\n{context}", "\n{input}"),
  triviaqa: bare(
    "Answer the question from the passage, with the answer alone. First come examples.\n\n{context}",
    "\n\n{input}",
  ),
  samsum: bare("Summarise a conversation in a few words. First come examples.\n\n{context}", "\n\n{input}"),
  lsht: bare("请判断新闻的类别。下面先给出一些例子。\n\n{context}", "\n{input}"),
  passage_count: prompt({
    lead:
      "Below are numbered paragraphs from an encyclopedia; some of them are repeated. Count how many different ones there are.",
    ask: "How many different paragraphs are there, each counted once? Write the number alone.",
    cue: "Number of different paragraphs:",
  }),
  passage_retrieval_en: prompt({
    lead: "Below are numbered paragraphs from an encyclopedia. Find the one that a summary is of.",
    ask: "The summary follows.",
    question: '{input}\n\nWhich paragraph is it of? Write it as in "Paragraph 4".',
    cue: "Answer:",
  }),
  passage_retrieval_zh: prompt({
    lead: "以下是若干段落，请找出摘要所对应的段落。",
    ask: "下面是摘要。",
    question: "{input}\n\n请写出摘要所属段落的编号，格式如“段落4”。",
    cue: "答案：",
  }),
  lcc: bare("Write the next line of this code.\n{context}", "Next line of code:\n"),
  "repobench-p": bare("Write the next line of the code at the end.\n{context}", "{input}Next line of code:\n"),
};
