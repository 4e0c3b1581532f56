/** The entry of the thread that writes the access log. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromLogWriter, LogWriterBoot, ToLogWriter } from '../../protocol/messages.ts';
import { FileOutput } from './file-output.ts';
import { LogWriter } from './log-writer.ts';
import { TcpSyslog, UdpSyslog } from './syslog-output.ts';

const { options, buffers } = workerData as LogWriterBoot;
const port = parentPort!;

const writer = new LogWriter(
  (onLost) => {
    const { syslog, filePath } = options;
    if (syslog === null) return new FileOutput(filePath);
    return syslog.protocol === 'udp' ? new UdpSyslog(syslog, onLost) : new TcpSyslog(syslog, onLost);
  },
  buffers,
  (message: FromLogWriter) => port.postMessage(message),
);

port.on('message', ({ kind }: ToLogWriter) => {
  if (kind === 'reopen') writer.reopen();
  else writer.end();
});

await writer.run();
port.close();
