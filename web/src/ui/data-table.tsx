// A table whose rows are cards on a phone, and the pages that a list comes in.
import { useInfiniteQuery, type QueryKey, type UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Page } from '../api/types';
import { formatAgo, formatTime } from '../lib/format';
import { ProblemNotice, Waiting } from './parts';

export interface Column<T> {
  header: string;
  cell: (row: T) => ReactNode;
  /** `name` is what the row is about; `actions` has buttons and no visible header. */
  kind?: 'name' | 'number' | 'actions' | 'text';
  /** Left out where there is little width. */
  wideOnly?: boolean;
}

interface DataTableProps<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  /** For lists that are long and read in a hurry. */
  dense?: boolean;
}

const isRight = (kind: Column<unknown>['kind']) => kind === 'number' || kind === 'actions';
const classOf = ({ kind, wideOnly }: Pick<Column<unknown>, 'kind' | 'wideOnly'>) =>
  [isRight(kind) && 'right', kind === 'number' && 'num', kind === 'actions' && 'actions', wideOnly && 'wide-only'].filter(Boolean).join(' ') || undefined;

export function DataTable<T>({ label, columns, rows, rowKey, dense }: DataTableProps<T>) {
  return (
    <div className="card table-card">
      <table className={dense ? 'table dense' : 'table'} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.header} scope="col" className={classOf(column)}>
                {column.kind === 'actions' ? <span className="visually-hidden">{column.header}</span> : column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) =>
                column.kind === 'name' ? (
                  <th key={column.header} scope="row">
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.header} data-label={column.header} className={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export interface Paged<T> {
  items: readonly T[];
  query: UseInfiniteQueryResult<unknown>;
}

/** A list that comes in pages, in the server's order. */
export function usePages<T>(key: QueryKey, read: (cursor: string | undefined) => Promise<Page<T>>, options: { enabled?: boolean } = {}): Paged<T> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.cursor,
    ...options,
  });
  return { items: query.data?.pages.flatMap((page) => page.items) ?? [], query };
}

interface PagedListProps<T> {
  list: Paged<T>;
  /** Stands where there would be rows. */
  empty: ReactNode;
  more?: string;
  children: ReactNode;
}

/** What a list shows while it is asked for, when that failed, when there is nothing, and below its rows. */
export function PagedList<T>({ list: { items, query }, empty, more = 'More', children }: PagedListProps<T>) {
  if (query.isPending) return <Waiting />;
  if (query.isError && items.length === 0) return <ProblemNotice error={query.error} action={<TryAgain query={query} />} />;
  return (
    <>
      {items.length === 0 ? <div className="card">{empty}</div> : children}
      {query.isError && <ProblemNotice error={query.error} action={<TryAgain query={query} />} />}
      {query.hasNextPage && (
        <div className="more">
          <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {query.isFetchingNextPage ? 'Loading…' : more}
          </button>
        </div>
      )}
    </>
  );
}

export function TryAgain({ query }: { query: { refetch: () => Promise<unknown>; isFetching: boolean } }) {
  return (
    <button type="button" className="button small" disabled={query.isFetching} onClick={() => void query.refetch()}>
      Try again
    </button>
  );
}

/** How long ago, and on the pointer exactly when. */
export function Ago({ at, now }: { at: string; now: number }) {
  return (
    <time dateTime={at} title={formatTime(at)} className="num">
      {formatAgo(at, now)}
    </time>
  );
}
