// Asks before several lines are pasted: each line end may start a command.
import { Dialog } from 'radix-ui';
import { formatBytes } from '../../lib/format';

/** More is not looked through by anybody. */
const SHOWN_CHARS = 4_000;

interface PasteDialogProps {
  /** `waits`: the session takes a paste as text and runs nothing until Enter. */
  paste: { text: string; waits: boolean } | undefined;
  onPaste: (text: string) => void;
  onClose: () => void;
}

export function PasteDialog({ paste, onPaste, onClose }: PasteDialogProps) {
  const text = paste?.text ?? '';
  const count = text.replace(/\r?\n$/, '').split(/\r\n|\r|\n/).length;
  return (
    <Dialog.Root open={paste !== undefined} onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog wide">
          <Dialog.Title asChild>
            <h2>Paste {count} lines?</h2>
          </Dialog.Title>
          <Dialog.Description asChild>
            <p className="muted">{paste?.waits ? 'They are put into the command line as one text. Nothing runs until you press Enter.' : 'Each line may run as a command of its own, without another question.'}</p>
          </Dialog.Description>
          <pre className="paste-text" tabIndex={0} role="region" aria-label="Text to paste">
            {text.slice(0, SHOWN_CHARS)}
          </pre>
          {text.length > SHOWN_CHARS && <p className="hint">Only the beginning is shown, of {formatBytes(new TextEncoder().encode(text).length)} in all.</p>}
          <div className="row">
            <button type="button" className="button" onClick={onClose}>
              Do not paste
            </button>
            <button type="button" className="button primary" onClick={() => onPaste(text)}>
              Paste {count} lines
            </button>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
