// Saves an answer as a file. By way of a blob: a plain link cannot carry the bearer token. The browser keeps large ones on disk.
import { problemFrom } from '../api/problem';

const KEPT_MS = 10_000;

export async function saveAnswer(response: Response, name: string): Promise<void> {
  if (!response.ok) throw problemFrom(response.status, await response.text(), response.headers.get('Retry-After'));
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
