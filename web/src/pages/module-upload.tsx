// Uploading modules: drop or pick, with progress, one after the other.
import { useRef, useState } from 'react';
import { uploadModule } from '../api/endpoints';
import { ApiProblem, asProblem } from '../api/problem';
import type { Module } from '../api/types';
import { formatBytes } from '../lib/format';
import { UploadIcon } from '../ui/icons';
import { ProblemNotice } from '../ui/parts';

interface Transfer {
  name: string;
  sentBytes: number;
  totalBytes: number;
  abort: AbortController;
}

/** `\0asm`, the first bytes of every module and component. */
const MAGIC = [0x00, 0x61, 0x73, 0x6d];

export function ModuleUpload({ tenant, onUploaded }: { tenant: string; onUploaded: (module: Module) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const depth = useRef(0);
  const [over, setOver] = useState(false);
  const [transfer, setTransfer] = useState<Transfer>();
  const [failure, setFailure] = useState<{ name: string; error: unknown }>();
  const [said, setSaid] = useState('');

  const send = async (files: File[]) => {
    setFailure(undefined);
    for (const file of files) {
      const abort = new AbortController();
      setTransfer({ name: file.name, sentBytes: 0, totalBytes: file.size, abort });
      setSaid(`Uploading ${file.name}`);
      try {
        const { data, status } = await uploadModule(tenant, file, {
          signal: abort.signal,
          onProgress: (sentBytes, totalBytes) => setTransfer((current) => current && { ...current, sentBytes, totalBytes }),
        });
        setSaid(status === 200 ? `${file.name} was here already` : `${file.name} is uploaded`);
        onUploaded(data);
      } catch (error) {
        if (!abort.signal.aborted) setFailure({ name: file.name, error: (await explain(file, error)) ?? error });
        setSaid('');
        break;
      } finally {
        setTransfer(undefined);
      }
    }
  };

  const onDrop = (event: React.DragEvent) => {
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    if (!transfer) void send([...event.dataTransfer.files]);
  };
  // Enter and leave also come from children; only the outermost pair counts.
  const onDragEnter = () => {
    depth.current += 1;
    setOver(true);
  };
  const onDragLeave = () => {
    depth.current = Math.max(0, depth.current - 1);
    if (depth.current === 0) setOver(false);
  };

  return (
    <section aria-label="Upload a module" className="stack tight">
      <div className="drop" data-over={over || undefined} onDrop={onDrop} onDragOver={(event) => event.preventDefault()} onDragEnter={onDragEnter} onDragLeave={onDragLeave} data-testid="drop">
        {transfer ? <Progress transfer={transfer} /> : <Invitation onPick={() => input.current?.click()} />}
        <input
          ref={input}
          type="file"
          accept=".wasm,application/wasm"
          multiple
          hidden
          onChange={(event) => {
            const files = [...(event.target.files ?? [])];
            event.target.value = '';
            void send(files);
          }}
        />
      </div>
      <p className={said ? 'hint' : 'visually-hidden'} role="status">
        {said}
      </p>
      {failure && (
        <div>
          <p className="failed-name">
            <code>{failure.name}</code> was not uploaded.
          </p>
          <ProblemNotice error={failure.error} />
        </div>
      )}
    </section>
  );
}

function Invitation({ onPick }: { onPick: () => void }) {
  return (
    <>
      <UploadIcon size={24} />
      <div className="grow">
        <p>
          <strong>Drop a .wasm file here</strong>
        </p>
        <p className="muted">It is checked, compiled and named by its SHA-256. Nothing runs yet.</p>
      </div>
      <button type="button" className="button" onClick={onPick}>
        Choose a file
      </button>
    </>
  );
}

function Progress({ transfer }: { transfer: Transfer }) {
  const { name, sentBytes, totalBytes } = transfer;
  const isSent = totalBytes > 0 && sentBytes >= totalBytes;
  const percent = totalBytes > 0 ? Math.round((sentBytes / totalBytes) * 100) : 0;
  return (
    <div className="grow upload-progress">
      <div className="row spread nowrap">
        <span className="mono truncate">{name}</span>
        <span className="muted num" role="status">
          {isSent ? 'Compiling on the host…' : `${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}`}
        </span>
      </div>
      {/* How long compiling takes is not known beforehand; a bar without a value says so. */}
      <div className="progress" role="progressbar" aria-label={isSent ? `Compiling ${name}` : `Upload of ${name}`} {...(isSent ? {} : { 'aria-valuenow': percent, 'aria-valuemin': 0, 'aria-valuemax': 100 })}>
        <div className={isSent ? 'unknown' : ''} style={{ width: `${percent}%` }} />
      </div>
      <button type="button" className="button small quiet" onClick={() => transfer.abort.abort()}>
        Cancel
      </button>
    </div>
  );
}

/** A host may close the connection on a body it does not want; then the file itself tells more than the lost answer. */
async function explain(file: File, error: unknown): Promise<ApiProblem | undefined> {
  if (asProblem(error).status !== 0) return undefined;
  const say = (code: string, detail: string) => new ApiProblem({ code, title: 'Not a module', detail });
  try {
    const bytes = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    if (MAGIC.every((byte, index) => bytes[index] === byte)) return undefined;
    return say('module_not_wasm', 'The file does not begin as a WebAssembly binary does. Compile your program for WASI and upload the .wasm file.');
  } catch {
    return say('file_unreadable', 'The browser could not read the file. If it is a folder, drop the .wasm file inside it.');
  }
}
