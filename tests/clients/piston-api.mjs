// piston-api: checks every answer against a schema of its own; sessions over WebSocket in Piston's words.
import { once } from 'node:events'
import { answer, load, url } from './load.mjs'

const { PistonClient } = (await load('piston-api')).default
const client = new PistonClient({ baseUrl: url })

// A session and all it told; `speak` is called when it runs.
async function session(language, code, speak) {
  const told = []
  for (const name of ['sessionReady', 'sessionStage', 'sessionOutput', 'sessionCompleted', 'sessionError'])
    client.on(name, (id, ...rest) => told.push([name, ...rest]))
  // Each stage completes, and the last one is the end.
  let stage
  client.on('sessionStage', (id, name) => { stage = name })
  const over = new Promise(resolve => client.on('sessionCompleted', () => stage === 'run' && resolve()))
  let id
  try {
    id = await client.runInteractive(code, language)
  } catch (error) {
    return { told, error: error.message }
  }
  await speak(id)
  await Promise.race([over, new Promise(resolve => setTimeout(resolve, 8000))])
  return { told, status: client.getSession(id)?.status ?? null, output: client.getSession(id)?.output ?? null }
}

const output = async (id, text) => {
  while (!client.getSession(id).output.includes(text))
    await once(client, 'sessionOutput')
}

await answer({
  runtimes: () => client.getRuntimes(),
  filtered: language => client.getRuntimes({ language }),
  valid: () => client.validateInstance(),
  run: request => client.run(JSON.parse(request)),
  session: (language, code) => session(language, code, () => {}),
  talk: (language, code, prompt, input) => session(language, code, async id => {
    await output(id, prompt)
    await client.sendInput(id, input)
  }),
  interrupt: (language, code, ready) => session(language, code, async id => {
    await output(id, ready)
    await client.interruptSession(id)
  }),
  terminate: (language, code, ready) => session(language, code, async id => {
    await output(id, ready)
    await client.terminateSession(id)
  }),
})
