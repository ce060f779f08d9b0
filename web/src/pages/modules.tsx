// The Modules page: upload, look at what a module is and needs, deploy it.
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { getModule, listModules } from '../api/endpoints';
import type { Module } from '../api/types';
import { useMay } from '../app/rights';
import { useTenant, useTitle } from '../app/shell';
import { formatAgo, formatBytes, formatTime, shortDigest } from '../lib/format';
import { useNow } from '../lib/use-now';
import { Empty, ProblemNotice, Waiting } from '../ui/parts';
import { ModuleDetails } from './module-details';
import { ModuleUpload } from './module-upload';

export default function ModulesPage() {
  const tenant = useTenant();
  const { digest } = useSearch({ from: '/t/$tenant/modules' });
  const navigate = useNavigate({ from: '/t/$tenant/modules' });
  const queries = useQueryClient();
  const may = useMay();
  useTitle('Modules');
  const modules = useInfiniteQuery({
    queryKey: ['modules', tenant],
    queryFn: ({ pageParam }) => listModules(tenant, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.cursor,
  });
  const list = modules.data?.pages.flatMap((page) => page.items) ?? [];
  const listed = list.find((module) => module.digest === digest);
  // A link may name a module that is on a later page.
  const single = useQuery({
    queryKey: ['module', tenant, digest],
    queryFn: () => getModule(tenant, digest!),
    enabled: digest !== undefined && modules.isSuccess && listed === undefined,
  });
  const selected = listed ?? (digest !== undefined ? single.data : undefined);
  const onUploaded = (module: Module) => {
    queries.setQueryData(['module', tenant, module.digest], module);
    void queries.invalidateQueries({ queryKey: ['modules', tenant] });
    void navigate({ search: { digest: module.digest } });
  };
  return (
    <>
      <div className="page-head">
        <h1>Modules</h1>
      </div>
      <div className="stack">
        {may('module:upload') && <ModuleUpload tenant={tenant} onUploaded={onUploaded} />}
        {digest !== undefined && single.isError && <ProblemNotice error={single.error} />}
        {selected && <ModuleDetails key={selected.digest} tenant={tenant} module={selected} onClose={() => void navigate({ search: {} })} />}
        {modules.isPending && <Waiting />}
        {modules.isError && <ProblemNotice error={modules.error} />}
        {modules.isSuccess && list.length === 0 && (
          <Empty title="No modules yet">
            {may('module:upload') ? 'Drop a WebAssembly file above. Any program compiled for WASI will do: Rust, C, Go, Zig and others compile to it.' : 'Nobody has uploaded one, and your role cannot.'}
          </Empty>
        )}
        {list.length > 0 && <ModuleTable tenant={tenant} list={list} selected={digest} />}
        {modules.hasNextPage && (
          <div className="more">
            <button type="button" className="button" disabled={modules.isFetchingNextPage} onClick={() => void modules.fetchNextPage()}>
              Older modules
            </button>
          </div>
        )}
      </div>
    </>
  );
}

function ModuleTable({ tenant, list, selected }: { tenant: string; list: Module[]; selected: string | undefined }) {
  const now = useNow(30_000);
  return (
    <section aria-label="Uploaded modules">
      <div className="card table-card">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Digest</th>
              <th scope="col">Kind</th>
              <th scope="col" className="right">
                Size
              </th>
              <th scope="col">Uploaded</th>
            </tr>
          </thead>
          <tbody>
            {list.map((module) => (
              <tr key={module.digest} data-selected={module.digest === selected || undefined}>
                <th scope="row" data-label="Name">
                  <Link to="/t/$tenant/modules" params={{ tenant }} search={{ digest: module.digest }} className="run-link mono" aria-current={module.digest === selected ? 'true' : undefined}>
                    {module.name}
                  </Link>
                </th>
                <td data-label="Digest">
                  <code title={module.digest}>{shortDigest(module.digest)}</code>
                </td>
                <td data-label="Kind">{kindText(module)}</td>
                <td data-label="Size" className="right num">
                  {formatBytes(module.size_bytes)}
                </td>
                <td data-label="Uploaded" className="muted">
                  <time dateTime={module.created_at} title={formatTime(module.created_at)}>
                    {formatAgo(module.created_at, now)}
                  </time>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function kindText({ kind, wasi }: Module): string {
  return `${kind === 'core' ? 'Core module' : kind === 'component' ? 'Component' : kind}, WASI ${wasi === 'preview1' ? 'preview 1' : wasi}`;
}
