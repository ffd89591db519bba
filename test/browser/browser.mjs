// Chromium as a user has it, for tests: a fresh profile, certificates checked, nothing fetched behind the test's back.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const programs = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

// launch starts a browser that trusts one authority besides those of the system: ca, its certificate in PEM. It is
// trusted as users trust it, in the profile's certificate store: the switches that forgive errors forgive wrong names, too.
// `*.localhost` leads to this machine by itself; hosts maps other names to addresses. Call close() on the result.
export async function launch({ ca, hosts = {} } = {}) {
  const executablePath = programs.find((path) => path && existsSync(path))
  if (!executablePath) throw new Error('There is no Chromium: install chromium, or set CHROMIUM to its path')
  const args = [
    '--no-sandbox', // tests run as root, where the sandbox cannot
    '--disable-gpu',
    '--disable-quic',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  const rules = Object.entries(hosts).map(([name, address]) => `MAP ${name} ${address}`)
  if (rules.length) args.push(`--host-resolver-rules=${rules.join(',')}`)
  const home = mkdtempSync(join(tmpdir(), 'browser-home-'))
  const remove = () => rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  try {
    if (ca) trust(home, ca)
    const browser = await chromium.launch({ executablePath, args, env: { ...process.env, HOME: home } })
    browser.on('disconnected', remove)
    return browser
  } catch (error) {
    remove()
    throw error
  }
}

// trust puts an authority into the certificate store of a home directory.
function trust(home, ca) {
  const store = join(home, '.pki', 'nssdb')
  mkdirSync(store, { recursive: true })
  execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password'])
  execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-n', 'test', '-t', 'C,,'], { input: ca })
}
