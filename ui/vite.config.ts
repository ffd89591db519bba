import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

const out = 'dist'

// compress puts a .br and a .gz beside each asset, so that the service only hands them out.
const compress: Plugin = {
  name: 'compress',
  closeBundle() {
    const assets = join(import.meta.dirname, out, 'assets')
    for (const name of readdirSync(assets)) {
      if (!/\.(js|css|svg)$/.test(name)) continue
      const body = readFileSync(join(assets, name))
      writeFileSync(join(assets, name + '.br'), brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
      writeFileSync(join(assets, name + '.gz'), gzipSync(body, { level: 9 }))
    }
  },
}

export default defineConfig({
  plugins: [react(), compress],
  build: {
    outDir: out,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy knows files only
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 800, // Fluent and React together; pages are loaded one by one
  },
})
