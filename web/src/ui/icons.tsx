// The console's icons: drawn on a 20 px grid with one stroke width. Decorative: the words beside them carry the meaning.
import type { ReactNode } from 'react';

interface IconProps {
  size?: number;
}

function icon(children: ReactNode) {
  return function Icon({ size = 18 }: IconProps) {
    return (
      <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
        {children}
      </svg>
    );
  };
}

export const CommandIcon = icon(<path d="m4 5.5 4.5 4.5L4 14.5M10.5 15H16" />);
export const RunsIcon = icon(<path d="M3.5 5h13M3.5 10h13M3.5 15h8" />);
export const LogsIcon = icon(<path d="M5 3.5h7l3.5 3.5v9.5H5zM8 9h4.5M8 12.5h4.5" />);
export const ModulesIcon = icon(<path d="m10 2.8 6.3 3.6v7.2L10 17.2l-6.3-3.6V6.4zM3.9 6.5 10 10l6.1-3.5M10 10v7" />);
export const FilesIcon = icon(<path d="M3 15.5v-11h4.8l1.7 2H17v9z" />);
export const FileIcon = icon(<path d="M5.5 3h6L15 6.5V17H5.5zM11.5 3v3.5H15" />);
export const TenantsIcon = icon(<path d="M3.5 16.5V9a3.2 3.2 0 0 1 6.5 0v7.5M10 16.5V9a3.2 3.2 0 0 1 6.5 0v7.5M2.5 16.5h15" />);
export const SunIcon = icon(<path d="M10 6.7a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6ZM10 2.5V4M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M4.7 15.3l1-1M14.3 5.7l1-1" />);
export const MoonIcon = icon(<path d="M16 11.7A6.5 6.5 0 0 1 8.3 4a6.5 6.5 0 1 0 7.7 7.7Z" />);
export const ScreenIcon = icon(<path d="M3 4h14v9H3zM7.5 16.5h5M10 13v3.5" />);
export const UserIcon = icon(<path d="M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 16.5c.6-2.7 3-4 6-4s5.4 1.3 6 4" />);
export const ChevronsIcon = icon(<path d="m7 8 3-3 3 3M7 12l3 3 3-3" />);
export const CheckIcon = icon(<path d="m4.5 10.5 3.7 3.7 7.3-8" />);
export const UploadIcon = icon(<path d="M10 13V3.5M6 7.3l4-4 4 4M3.5 13.5v3h13v-3" />);
export const DownloadIcon = icon(<path d="M10 3.5V13M6 9.2l4 4 4-4M3.5 13.5v3h13v-3" />);
export const PlayIcon = icon(<path d="M6.5 4.2v11.6L15.8 10z" />);
export const StopIcon = icon(<path d="M5.5 5.5h9v9h-9z" />);
export const CopyIcon = icon(<path d="M7.5 7.5h9v9h-9zM12.5 7.5v-4h-9v9h4" />);
export const TrashIcon = icon(<path d="M3.5 5.5h13M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 9v4.5M11.5 9v4.5" />);
export const AlertIcon = icon(<path d="M10 3.5 17.5 16.5h-15zM10 8v4M10 14.3v.1" />);
export const SearchIcon = icon(<path d="M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM13 13l3.7 3.7" />);
export const ArrowDownIcon = icon(<path d="M10 4v12M5.5 11.5 10 16l4.5-4.5" />);
export const PlusIcon = icon(<path d="M10 4v12M4 10h12" />);
export const CrossIcon = icon(<path d="m5 5 10 10M15 5 5 15" />);
export const AgainIcon = icon(<path d="M15.5 8A6 6 0 1 0 16 11.5M15.8 4v4h-4" />);
export const TerminalIcon = icon(<path d="M2.5 4h15v12h-15zM5.5 8l2.3 2-2.3 2M10 12.5h4" />);
export const ArrowUpIcon = icon(<path d="M10 16V4M5.5 8.5 10 4l4.5 4.5" />);
export const MoreIcon = icon(<path d="M4.5 10h.1M10 10h.1M15.5 10h.1" strokeWidth="2.4" />);
export const EyeIcon = icon(<path d="M2 10c2-3.7 4.7-5.5 8-5.5s6 1.8 8 5.5c-2 3.7-4.7 5.5-8 5.5S4 13.7 2 10ZM10 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6Z" />);
export const LinkIcon = icon(<path d="M8.5 11.5a3 3 0 0 0 4.3 0l2.8-2.8a3 3 0 0 0-4.3-4.3L10 5.7M11.5 8.5a3 3 0 0 0-4.3 0l-2.8 2.8a3 3 0 0 0 4.3 4.3l1.3-1.3" />);
export const KeyIcon = icon(<path d="M12.5 11a4 4 0 1 0-3.8-2.7L3.5 13.5V16.5h3v-2h2v-2l1.7-1.7c.7.1 1.5.2 2.3.2ZM13.3 6.8v.1" />);
export const AdminIcon = icon(<path d="M10 2.8 4 5v4.5c0 3.7 2.5 6.5 6 7.7 3.5-1.2 6-4 6-7.7V5zM7.5 10l1.8 1.8 3.4-3.7" />);
export const HistoryIcon = icon(<path d="M3.8 8.5a6.5 6.5 0 1 1-.2 3M3.5 4.5v4h4M10 6.5V10l2.5 1.7" />);
export const TextIcon = icon(<path d="M4 5h12M4 8.5h12M4 12h12M4 15.5h7" />);

/** The mark: two bays of an arcade. */
export function Mark({ size = 26 }: IconProps) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#24473d" />
      <path d="M6.5 25.5V14.2a4.6 4.6 0 0 1 9.2 0v11.3M16.3 25.5V14.2a4.6 4.6 0 0 1 9.2 0v11.3M5 25.5h22" fill="none" stroke="#f4f1ea" strokeWidth="2.2" strokeLinecap="round" />
    </svg>
  );
}
