// What the scripts share: a client from where ./dev installed it, and one line of JSON for the test that asked.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.env.CLIENTS + '/')

export const [url, what, ...words] = process.argv.slice(2)

export async function load(name) {
  return import(pathToFileURL(require.resolve(name)))
}

// Run the case that was asked for, and leave: clients may hold timers of a day.
export async function answer(cases) {
  let said
  try {
    said = { ok: await cases[what](...words) }
  } catch (error) {
    said = { error: error.message }
  }
  process.stdout.write(JSON.stringify(said) + '\n', () => process.exit(0))
}
