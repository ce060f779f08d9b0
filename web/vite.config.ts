// How the console is built: hashed files under /assets/, nothing inline, so that a strict Content-Security-Policy holds.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  base: '/',
  build: {
    outDir: 'dist',
    assetsDir: 'assets',
    // A data: URL would need a wider policy than 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: 'es2022',
    // Raw bytes say little; `npm run sizes` holds the budget on what is sent.
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/v1': process.env.CLOISTER_URL ?? 'http://127.0.0.1:8099' },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
