// What a tenant is called and how it looks; and whether it works at all.
import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { changeSettings, getSettings } from '../../api/admin';
import type { Branding, Colors, Tenant } from '../../api/types';
import { auth } from '../../api/client';
import { useMay } from '../../app/rights';
import { useTenant } from '../../app/shell';
import { bytesToBase64 } from '../../lib/bytes';
import { contrast, isColor, MIN_CONTRAST } from '../../lib/contrast';
import { formatTime } from '../../lib/format';
import { TryAgain } from '../../ui/data-table';
import { AlertIcon } from '../../ui/icons';
import { CopyButton, Field, ProblemNotice, Waiting } from '../../ui/parts';
import { AdminHead } from './page-head';
import { useChange } from './use-change';

const MAX_LOGO_BYTES = 32 * 1024;
const LOGO_TYPES = ['image/png', 'image/jpeg', 'image/webp'];
const DEFAULT_COLORS: Colors = { background: '#ffffff', text: '#1c1b18', accent: '#23604f' };

export default function SettingsPage() {
  const tenant = useTenant();
  const settings = useQuery({ queryKey: ['settings', tenant], queryFn: () => getSettings(tenant) });
  return (
    <div className="stack">
      <AdminHead title="Settings" />
      {settings.isPending && <Waiting />}
      {settings.isError && <ProblemNotice error={settings.error} action={<TryAgain query={settings} />} />}
      {settings.data && (
        <>
          <Status tenant={settings.data} />
          <div className="settings">
            <SettingsForm key={JSON.stringify(settings.data)} slug={tenant} saved={settings.data} />
            <Facts tenant={settings.data} />
          </div>
        </>
      )}
    </div>
  );
}

/** A tenant that stands still says so, and why. */
function Status({ tenant: { status, status_reason, erase_at } }: { tenant: Tenant }) {
  if (status === 'active') return null;
  const isGoing = status === 'offboarding';
  return (
    <div className={`notice ${isGoing ? 'bad' : 'warn'}`} role="status">
      <AlertIcon />
      <div className="body">
        <strong>{isGoing ? 'This tenant is being taken down' : 'This tenant is suspended'}</strong>
        <p>{isGoing ? 'Nothing runs. Its owner can export everything until it is erased.' : 'Nothing runs and nothing can be changed. All data stays.'}</p>
        {status_reason && <p>Why: {status_reason}</p>}
        {erase_at && <p className="num">Erased at {formatTime(erase_at)}.</p>}
      </div>
    </div>
  );
}

function Facts({ tenant }: { tenant: Tenant }) {
  const features = Object.entries(tenant.features ?? {});
  return (
    <section className="card pad" aria-label="About this tenant">
      <dl className="facts-list">
        <dt>Address</dt>
        <dd>
          <code>{tenant.slug}</code>
        </dd>
        <dt>Id</dt>
        <dd className="row nowrap">
          <code className="truncate">{tenant.id}</code>
          <CopyButton text={tenant.id} label="Copy the tenant’s id" />
        </dd>
        <dt>Plan</dt>
        <dd>{tenant.plan}</dd>
        <dt>Status</dt>
        <dd>
          <span className={`badge ${tenant.status === 'active' ? 'ok' : 'warn'}`}>{tenant.status}</span>
        </dd>
        {tenant.region && (
          <>
            <dt>Region</dt>
            <dd>{tenant.region}</dd>
          </>
        )}
        <dt>Since</dt>
        <dd className="num">{formatTime(tenant.created_at).slice(0, 10)}</dd>
        {features.length > 0 && (
          <>
            <dt>Features</dt>
            <dd>{features.map(([name, on]) => `${name}: ${on ? 'on' : 'off'}`).join(', ')}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

function SettingsForm({ slug, saved }: { slug: string; saved: Tenant }) {
  const canWrite = useMay()('tenant:write') && saved.status === 'active';
  const [name, setName] = useState(saved.name);
  const [product, setProduct] = useState(saved.branding?.name ?? '');
  const [logo, setLogo] = useState(saved.branding?.logo);
  const [colors, setColors] = useState<Colors | undefined>(saved.branding?.colors);
  const nameError = name.trim() === '' ? 'Give the tenant a name.' : undefined;
  const colorError = colors && colorProblem(colors);
  const branding: Branding = { ...(product.trim() ? { name: product.trim() } : {}), ...(logo ? { logo } : {}), ...(colors ? { colors } : {}) };
  const save = useChange(
    () => changeSettings(slug, { name: name.trim(), branding }),
    [['settings', slug]],
    // The name stands in the frame too.
    () => void auth.renew().catch(() => undefined),
  );
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (!nameError && !colorError) save.mutate(undefined);
  };
  return (
    <form className="card pad form" onSubmit={submit} noValidate aria-label="Name and looks">
      <Field label="Name" error={nameError}>
        {(control) => <input {...control} className="input" value={name} disabled={!canWrite} onChange={(event) => setName(event.target.value)} required />}
      </Field>
      <Field label="Product name (optional)" hint="Shown where it differs from the tenant’s name.">
        {(control) => <input {...control} className="input" maxLength={100} value={product} disabled={!canWrite} onChange={(event) => setProduct(event.target.value)} />}
      </Field>
      <LogoField logo={logo} disabled={!canWrite} onChange={setLogo} />
      <ColorFields colors={colors} error={colorError} disabled={!canWrite} onChange={setColors} />
      {save.error && <ProblemNotice error={save.error} />}
      {canWrite ? (
        <button type="submit" className="button primary start" disabled={save.isPending}>
          {save.isPending ? 'Saving…' : 'Save'}
        </button>
      ) : (
        <p className="muted">{saved.status === 'active' ? 'Your role shows this and does not change it.' : 'Nothing can be changed at present.'}</p>
      )}
    </form>
  );
}

function LogoField({ logo, disabled, onChange }: { logo: string | undefined; disabled: boolean; onChange: (logo: string | undefined) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<string>();
  const take = async (file: File | undefined) => {
    if (!file) return;
    const wrong = !LOGO_TYPES.includes(file.type) ? 'Use a PNG, JPEG or WebP picture.' : file.size > MAX_LOGO_BYTES ? 'At most 32 KiB.' : undefined;
    setError(wrong);
    if (!wrong) onChange(`data:${file.type};base64,${bytesToBase64(new Uint8Array(await file.arrayBuffer()))}`);
  };
  return (
    <Field label="Logo (optional)" hint="PNG, JPEG or WebP, at most 32 KiB." error={error}>
      {(control) => (
        <div className="row">
          {logo && <img className="logo" src={logo} alt="The logo" />}
          <input {...control} ref={input} type="file" accept={LOGO_TYPES.join()} className="visually-hidden" disabled={disabled} tabIndex={-1} onChange={(event) => void take(event.target.files?.[0])} />
          <button type="button" className="button small" disabled={disabled} onClick={() => input.current?.click()}>
            {logo ? 'Replace…' : 'Choose…'}
          </button>
          {logo && (
            <button type="button" className="button small quiet" disabled={disabled} onClick={() => onChange(undefined)}>
              Remove
            </button>
          )}
        </div>
      )}
    </Field>
  );
}

/** As the host checks: both must be readable on the background. */
function colorProblem({ background, text, accent }: Colors): string | undefined {
  if (![background, text, accent].every(isColor)) return 'Colours are written #rrggbb.';
  const short = ([['Text', text], ['Accent', accent]] as const).find(([, color]) => contrast(color, background) < MIN_CONTRAST);
  return short && `${short[0]} has a contrast of ${contrast(short[1], background).toFixed(1)} on the background; ${MIN_CONTRAST} is the least.`;
}

interface ColorFieldsProps {
  colors: Colors | undefined;
  error: string | undefined;
  disabled: boolean;
  onChange: (colors: Colors | undefined) => void;
}

function ColorFields({ colors, error, disabled, onChange }: ColorFieldsProps) {
  return (
    <fieldset className="form" disabled={disabled}>
      <legend className="visually-hidden">Colours</legend>
      <label className="check">
        <input type="checkbox" checked={colors !== undefined} onChange={(event) => onChange(event.target.checked ? DEFAULT_COLORS : undefined)} /> Colours of its own
      </label>
      {colors && (
        <>
          <div className="colors">
            {(['background', 'text', 'accent'] as const).map((key) => (
              <label key={key} className="color">
                <input type="color" value={isColor(colors[key]) ? colors[key] : '#000000'} onChange={(event) => onChange({ ...colors, [key]: event.target.value })} />
                {key[0]!.toUpperCase() + key.slice(1)}
                <code className="muted">{colors[key]}</code>
              </label>
            ))}
          </div>
          <p className="color-preview" aria-hidden="true" style={{ background: colors.background, color: colors.text }}>
            A line of text and <span style={{ color: colors.accent }}>a link</span> in it
          </p>
          {error && <p className="field-error">{error}</p>}
        </>
      )}
    </fieldset>
  );
}
