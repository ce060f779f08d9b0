// A dialog with a form; and what is shown once and never again.
import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import { CheckIcon } from './icons';
import { CopyButton, ProblemNotice } from './parts';

interface FormDialogProps {
  open: boolean;
  title: string;
  description?: ReactNode;
  action: string;
  /** Said while it is under way. */
  acting?: string;
  busy: boolean;
  /** What it does cannot be taken back lightly. */
  danger?: boolean;
  error?: unknown;
  wide?: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}

export function FormDialog({ open, title, description, action, acting, busy, danger, error, wide, onSubmit, onClose, children }: FormDialogProps) {
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    // A form in a portal is still inside its parent's form to React.
    event.stopPropagation();
    onSubmit();
  };
  return (
    <DialogFrame open={open} title={title} description={description} wide={wide} onClose={onClose}>
      <form className="form" onSubmit={submit} noValidate>
        {children}
        {error ? <ProblemNotice error={error} /> : null}
        <div className="row dialog-actions">
          <button type="button" className="button quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className={danger ? 'button danger' : 'button primary'} disabled={busy}>
            {busy ? (acting ?? 'Saving…') : action}
          </button>
        </div>
      </form>
    </DialogFrame>
  );
}

interface DialogFrameProps {
  open: boolean;
  title: string;
  description?: ReactNode;
  wide?: boolean | undefined;
  onClose: () => void;
  children: ReactNode;
}

export function DialogFrame({ open, title, description, wide, onClose, children }: DialogFrameProps) {
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className={wide ? 'dialog wide' : 'dialog'} {...(description ? {} : { 'aria-describedby': undefined })}>
          <div className="dialog-head">
            <Dialog.Title asChild>
              <h2>{title}</h2>
            </Dialog.Title>
            {description && (
              <Dialog.Description asChild>
                <div className="muted">{description}</div>
              </Dialog.Description>
            )}
          </div>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface ShownOnceProps {
  title: string;
  /** What to do with it. */
  children: ReactNode;
  value: string;
  copyLabel: string;
  testId: string;
}

/** A secret that the host does not keep in a readable form. */
export function ShownOnce({ title, children, value, copyLabel, testId }: ShownOnceProps) {
  return (
    <div className="notice good shown-once" role="status">
      <CheckIcon />
      <div className="body">
        <strong>{title}</strong>
        <p>{children}</p>
        <p className="row nowrap">
          <code className="link-text" data-testid={testId}>
            {value}
          </code>
          <CopyButton text={value} label={copyLabel} />
        </p>
      </div>
    </div>
  );
}
