// The wire types of the HTTP API, mirrored by hand from the host's `api` module. Data only.

export interface Pagination {
  per_page: number;
  cursor?: string;
  has_next: boolean;
}

export interface Success<T> {
  success: true;
  data: T;
  tenant_id?: string;
  pagination?: Pagination;
  /** Of the log: lines that are damaged, and how many match. */
  missing?: LineRange[];
  count?: LineCount;
}

/** RFC 9457 problem details. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
}

export type Role = 'owner' | 'admin' | 'developer' | 'runner' | 'viewer';

export interface Membership {
  tenant_id: string;
  slug: string;
  name: string;
  role: Role | (string & {});
  /** What that role allows now. */
  permissions: string[];
}

export interface Principal {
  id: string;
  email: string;
  operator: boolean;
  has_password: boolean;
  memberships: Membership[];
}

export interface Tokens {
  access_token: string;
  token_type: string;
  expires_in_s: number;
  refresh_token: string;
  principal: Principal;
}

export interface Colors {
  /** `#rrggbb`, as the other two. */
  background: string;
  text: string;
  accent: string;
}

export interface Branding {
  name?: string;
  /** `data:` URL of a picture. */
  logo?: string;
  colors?: Colors;
}

export interface Tenant {
  id: string;
  slug: string;
  name: string;
  plan: string;
  status: 'active' | 'suspended' | 'offboarding' | (string & {});
  created_at: string;
  region?: string;
  features?: Record<string, boolean>;
  branding?: Branding;
  status_reason?: string;
  erase_at?: string;
}

export interface CreateTenant {
  slug: string;
  name: string;
  plan: string;
  owner_email: string;
}

export interface CreatedTenant {
  tenant: Tenant;
  owner_link: string;
}

export interface Module {
  digest: string;
  name: string;
  size_bytes: number;
  kind: 'core' | 'component' | (string & {});
  wasi: 'preview1' | '0.2' | '0.3' | (string & {});
  imports: string[];
  needs: string[];
  created_at: string;
  created_by: string;
}

export interface Limits {
  fuel?: number;
  cpu_ms?: number;
  wall_ms?: number;
  memory_bytes?: number;
  output_bytes?: number;
}

export type Access = 'read_only' | 'read_write';

export interface DirectoryGrant {
  path: string;
  guest: string;
  access: Access;
}

export interface NetworkGrant {
  host: string;
  port: number;
}

export interface SecretHeaderUse {
  host: string;
  port: number;
  name: string;
  prefix?: string;
}

/** As a variable that the guest holds, or as a header that the host sets and the guest never sees. */
export interface SecretGrant {
  name: string;
  as: { env: string } | { header: SecretHeaderUse };
}

export interface Grants {
  directories: DirectoryGrant[];
  env: Record<string, string>;
  network: NetworkGrant[];
  secrets: SecretGrant[];
}

export interface Deploy {
  module: string;
  description: string;
  limits: Limits;
  grants: Grants;
}

export interface DeploymentVersion {
  version: number;
  module: string;
  description: string;
  limits: Limits;
  grants: Grants;
  created_at: string;
  created_by: string;
}

export interface Deployment {
  name: string;
  version: number;
  active: DeploymentVersion;
  history?: DeploymentVersion[];
}

export type Stdin = 'empty' | 'stream' | { text: string } | { base64: string };

export interface CreateRun {
  command: string;
  args: string[];
  env: Record<string, string>;
  stdin: Stdin;
  limits?: Limits;
  wait?: boolean;
}

export type RunStatus = 'queued' | 'running' | 'ended';

export interface Outcome {
  kind: string;
  exit_code: number;
  message?: string;
}

export interface Usage {
  fuel?: number;
  cpu_us: number;
  wall_us: number;
  peak_memory_bytes: number;
  stdin_bytes: number;
  stdout_bytes: number;
  stderr_bytes: number;
}

export interface Run {
  id: string;
  command: string;
  version: number;
  module: string;
  args: string[];
  status: RunStatus;
  outcome?: Outcome;
  usage: Usage;
  created_at: string;
  ended_at?: string;
  created_by: string;
}

export interface OutputEvent {
  stream: 'stdout' | 'stderr';
  /** Standard base64 of the bytes. */
  data: string;
}

export interface StdinAccepted {
  next_offset: number;
  closed: boolean;
}

export interface LogLine {
  /** Counts up within the tenant; the line's permanent id. */
  seq: number;
  time: string;
  run: string;
  command: string;
  workflow_run?: string;
  step?: string;
  stream: string;
  level?: string;
  text: string;
  fields?: Record<string, unknown>;
  continues?: boolean;
}

/** Line numbers, both included. */
export interface LineRange {
  first_seq: number;
  last_seq: number;
}

/** `exact` false: at least so many. */
export interface LineCount {
  lines: number;
  exact: boolean;
}

export interface LogPage {
  items: LogLine[];
  cursor?: string;
  missing: LineRange[];
  count?: LineCount;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'none'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogBucket = { from: string; lines: number } & Record<LogLevel, number>;

export interface LogHistogram {
  from: string;
  to: string;
  bucket_us: number;
  buckets: LogBucket[];
  count: LineCount;
  counted_from?: string;
  missing?: LineRange[];
}

export interface LogContext {
  before: LogLine[];
  line: LogLine;
  after: LogLine[];
  older?: string;
  newer: string;
  missing?: LineRange[];
}

/** One bound of the plan and how much of it is used. */
export interface UsageItem {
  name: string;
  used: number;
  limit?: number;
  percent?: number;
  state?: 'ok' | 'near' | 'reached' | (string & {});
  resets_at?: string;
}

export interface TenantUsage {
  plan: string;
  items: UsageItem[];
}

export interface FileEntry {
  name: string;
  kind: 'file' | 'directory' | 'symlink' | 'other' | (string & {});
  size_bytes: number;
  modified_at: string;
}

/** One page of a list and the cursor of the next one. */
export interface Page<T> {
  items: T[];
  cursor?: string;
}
