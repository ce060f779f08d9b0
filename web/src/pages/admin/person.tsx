// Who did something: a name where one is known, else the id.
import type { NameOf } from './use-people';

export function Person({ id, nameOf }: { id: string; nameOf: NameOf }) {
  const name = nameOf(id);
  return name === undefined ? (
    <code className="clip" title={id}>
      {id}
    </code>
  ) : (
    <span className="clip" title={id}>
      {name}
    </span>
  );
}
