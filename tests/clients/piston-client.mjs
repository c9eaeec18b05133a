// piston-client: sends its JSON as text/plain, and limits of -1.
import { answer, load, url } from './load.mjs'

const { piston } = await load('piston-client')
const client = piston({ server: url })

await answer({
  runtimes: () => client.runtimes(),
  execute: (language, code, config) => client.execute(language, code, config && JSON.parse(config)),
})
