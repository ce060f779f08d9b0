// The Files page: the tenant's directory, one level at a time.
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { deleteFile, listFiles, makeDirectory, openFile, uploadFile } from '../api/endpoints';
import type { FileEntry } from '../api/types';
import { useMay } from '../app/rights';
import { useTenant, useTitle } from '../app/shell';
import { saveAnswer } from '../lib/download';
import { formatAgo, formatBytes, formatTime } from '../lib/format';
import { useNow } from '../lib/use-now';
import { DownloadIcon, FileIcon, FilesIcon, PlusIcon, TrashIcon, UploadIcon } from '../ui/icons';
import { ConfirmDialog, Empty, ProblemNotice, Waiting } from '../ui/parts';

const join = (path: string, name: string) => `${path}/${name}`.replace(/\/+/g, '/');

export default function FilesPage() {
  const tenant = useTenant();
  const { path = '/' } = useSearch({ from: '/t/$tenant/files' });
  const queries = useQueryClient();
  const canWrite = useMay()('file:write');
  const input = useRef<HTMLInputElement>(null);
  const [sending, setSending] = useState<{ name: string; percent: number }>();
  const [removing, setRemoving] = useState<FileEntry>();
  useTitle('Files');
  const key = ['files', tenant, path];
  const refresh = () => queries.invalidateQueries({ queryKey: key });
  const entries = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => listFiles(tenant, path, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.cursor,
  });
  const upload = useMutation({
    mutationFn: async (files: File[]) => {
      for (const file of files) {
        setSending({ name: file.name, percent: 0 });
        await uploadFile(tenant, join(path, file.name), file, {
          onProgress: (sent, total) => setSending({ name: file.name, percent: total > 0 ? Math.round((sent / total) * 100) : 0 }),
        });
      }
    },
    onSettled: () => {
      setSending(undefined);
      return refresh();
    },
  });
  const remove = useMutation({
    mutationFn: (entry: FileEntry) => deleteFile(tenant, join(path, entry.name)),
    onSuccess: () => {
      setRemoving(undefined);
      return refresh();
    },
  });
  const download = useMutation({ mutationFn: async (entry: FileEntry) => saveAnswer(await openFile(tenant, join(path, entry.name)), entry.name) });
  // In the server's order, by name: another one would be wrong from the second page on.
  const list = entries.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div
      className="stack"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        if (canWrite && event.dataTransfer.files.length > 0) upload.mutate([...event.dataTransfer.files]);
      }}
    >
      <div className="page-head">
        <h1>Files</h1>
        <span className="grow" />
        {canWrite && <NewFolder tenant={tenant} path={path} onMade={refresh} />}
        {canWrite && (
          <button type="button" className="button" onClick={() => input.current?.click()} disabled={upload.isPending}>
            <UploadIcon size={16} /> Upload
          </button>
        )}
        <input
          ref={input}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            const files = [...(event.target.files ?? [])];
            event.target.value = '';
            if (files.length > 0) upload.mutate(files);
          }}
        />
      </div>
      <Crumbs tenant={tenant} path={path} />
      <p className={sending ? 'hint' : 'visually-hidden'} role="status">
        {sending ? `Uploading ${sending.name}, ${sending.percent} %` : ''}
      </p>
      {[upload.error, download.error].map((error, index) => error && <ProblemNotice key={index} error={error} />)}
      {entries.isPending && <Waiting />}
      {entries.isError && <ProblemNotice error={entries.error} />}
      {entries.isSuccess && list.length === 0 && (
        <div className="card">
          <Empty icon={<FilesIcon size={26} />} title="This directory is empty">
            {canWrite ? 'Drop files here, or let a command write some' : 'Commands may write some'}: a command sees a directory once its deployment grants it.
          </Empty>
        </div>
      )}
      {list.length > 0 && <Entries tenant={tenant} path={path} list={list} onDownload={(entry) => download.mutate(entry)} onRemove={canWrite ? setRemoving : undefined} />}
      {entries.hasNextPage && (
        <div className="more">
          <button type="button" className="button" disabled={entries.isFetchingNextPage} onClick={() => void entries.fetchNextPage()}>
            More files
          </button>
        </div>
      )}
      <ConfirmDialog
        open={removing !== undefined}
        title={`Delete “${removing?.name ?? ''}”?`}
        action="Delete"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => removing && remove.mutate(removing)}
        onClose={() => setRemoving(undefined)}
      >
        {removing?.kind === 'directory' ? 'The directory and everything in it are deleted.' : 'The file is deleted.'} This cannot be undone.
      </ConfirmDialog>
    </div>
  );
}

/** By way of a blob: a plain link cannot carry the bearer token. */
function Crumbs({ tenant, path }: { tenant: string; path: string }) {
  const parts = path.split('/').filter(Boolean);
  return (
    <nav className="crumbs mono" aria-label="Path">
      <Link to="/t/$tenant/files" params={{ tenant }} search={{}}>
        {tenant}
      </Link>
      {parts.map((part, index) => (
        <span key={index}>
          <span className="faint"> / </span>
          <Link to="/t/$tenant/files" params={{ tenant }} search={{ path: `/${parts.slice(0, index + 1).join('/')}` }} aria-current={index === parts.length - 1 ? 'page' : undefined}>
            {part}
          </Link>
        </span>
      ))}
    </nav>
  );
}

function NewFolder({ tenant, path, onMade }: { tenant: string; path: string; onMade: () => void }) {
  const [name, setName] = useState<string>();
  const make = useMutation({
    mutationFn: (wanted: string) => makeDirectory(tenant, join(path, wanted)),
    onSuccess: () => {
      setName(undefined);
      onMade();
    },
  });
  if (name === undefined) {
    return (
      <button type="button" className="button" onClick={() => setName('')}>
        <PlusIcon size={16} /> Directory
      </button>
    );
  }
  return (
    <form
      className="row new-folder"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() !== '') make.mutate(name.trim());
      }}
      onKeyDown={(event) => event.key === 'Escape' && setName(undefined)}
    >
      <input className="input" autoFocus aria-label="Name of the new directory" placeholder="Name" value={name} onChange={(event) => setName(event.target.value)} aria-invalid={make.isError || undefined} />
      <button type="submit" className="button" disabled={make.isPending}>
        Make
      </button>
      {make.error && (
        <p className="field-error" role="alert">
          {make.error.message}
        </p>
      )}
    </form>
  );
}

interface EntriesProps {
  tenant: string;
  path: string;
  list: FileEntry[];
  onDownload: (entry: FileEntry) => void;
  onRemove: ((entry: FileEntry) => void) | undefined;
}

function Entries({ tenant, path, list, onDownload, onRemove }: EntriesProps) {
  const now = useNow(30_000);
  return (
    <div className="card table-card">
      <table className="table files-table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className="right">
              Size
            </th>
            <th scope="col">Changed</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.map((entry) => (
            <tr key={entry.name}>
              <th scope="row" data-label="Name">
                <span className="row nowrap mono file-name">
                  {entry.kind === 'directory' ? <FilesIcon size={16} /> : <FileIcon size={16} />}
                  {entry.kind === 'directory' ? (
                    <Link to="/t/$tenant/files" params={{ tenant }} search={{ path: join(path, entry.name) }} className="truncate">
                      {entry.name}
                    </Link>
                  ) : (
                    <span className="truncate">{entry.name}</span>
                  )}
                  {entry.kind !== 'directory' && entry.kind !== 'file' && <span className="tag">{entry.kind}</span>}
                </span>
              </th>
              <td data-label="Size" className="right num">
                {entry.kind === 'file' ? formatBytes(entry.size_bytes) : '–'}
              </td>
              <td data-label="Changed" className="muted">
                <time dateTime={entry.modified_at} title={formatTime(entry.modified_at)}>
                  {formatAgo(entry.modified_at, now)}
                </time>
              </td>
              <td className="right actions">
                {entry.kind === 'file' && (
                  <button type="button" className="button small icon quiet" aria-label={`Download ${entry.name}`} title="Download" onClick={() => onDownload(entry)}>
                    <DownloadIcon size={16} />
                  </button>
                )}
                {onRemove && (
                  <button type="button" className="button small icon quiet" aria-label={`Delete ${entry.name}`} title="Delete" onClick={() => onRemove(entry)}>
                    <TrashIcon size={16} />
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
