// What the end of a connection means: whether trying again can help, and in which words it is told.
import { ApiProblem } from '../../api/problem';
import type { LinkEnd } from './transport';

interface Meaning {
  code: string;
  title: string;
  detail: string;
  status: number;
}

/** Close codes after which no retry helps (docs/console.md, "Ends"). */
const FINAL: Record<number, Meaning> = {
  4400: { code: 'malformed_message', status: 400, title: 'Not understood', detail: 'The host could not read what this page sent. Reload the page; it may be older than the host.' },
  4401: { code: 'not_signed_in', status: 401, title: 'Not signed in any more', detail: 'Your sign-in has ended or was revoked. Sign in again; your terminal sessions go on meanwhile.' },
  4403: { code: 'not_allowed', status: 403, title: 'Not allowed any more', detail: 'Your rights in this tenant have changed, or the tenant is suspended.' },
  4404: { code: 'not_found', status: 404, title: 'There is nothing here', detail: 'The tenant does not exist any more, or you are no member of it any more.' },
  4429: { code: 'too_many_connections', status: 429, title: 'Too many connections', detail: 'Too many pages are connected at once. Close some of them, then connect again here.' },
};

const SUBPROTOCOL_MISSING = 4409;

/** `opened`: the host had let us in before. */
export function endOfSocket(code: number, opened: boolean): LinkEnd {
  const meaning = FINAL[code];
  if (meaning) {
    // A ticket is good for 30 s and once: one that was late is no verdict on the person.
    const late = code === 4401 && !opened;
    return { final: !late, problem: new ApiProblem(meaning) };
  }
  return { final: false, blocked: !opened || code === SUBPROTOCOL_MISSING };
}

/** Answers of the HTTP transports and of the ticket office. */
export function endOfAnswer(problem: ApiProblem): LinkEnd {
  const refused = problem.status === 400 || problem.status === 401 || problem.status === 403 || problem.status === 404 || problem.status === 429;
  return { final: refused, problem };
}
