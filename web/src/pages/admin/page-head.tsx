// The head of an administration page: its name, what it is about in one line, and its main action.
import type { ReactNode } from 'react';
import { useTitle } from '../../app/shell';

export function AdminHead({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  useTitle(title);
  return (
    <div className="page-head">
      <div className="page-title">
        <h1>{title}</h1>
        {children && <p className="muted">{children}</p>}
      </div>
      <span className="grow" />
      {actions}
    </div>
  );
}
