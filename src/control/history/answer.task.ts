/** Answers what is asked of the past of the keys: runs in a piscina thread, since all keys may have to be read for it. */
import { type AnsweredHistory, answerHistory, type HistoryQuestion } from './answer.ts';

export default function answer(question: HistoryQuestion): Promise<AnsweredHistory> {
  return answerHistory(question);
}
