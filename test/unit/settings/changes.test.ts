import assert from 'node:assert/strict';
import test from 'node:test';
import { changesBetween, type Reading, takenOn } from '../../../src/settings/changes.ts';
import { parseFlags } from '../../../src/settings/parse-flags.ts';

function read(...flags: string[]): Reading {
  const parsed = parseFlags(['--folder=f', '--web', ...flags], {});
  assert.equal(parsed.kind, 'run', JSON.stringify(parsed));
  return parsed as Reading;
}

const http = (options: string): string => `--entryPoints=Name:http Address::80 ${options}`;

test('what is looked up when it is needed is taken on, and all else waits, and is a change the next time as well', () => {
  const before = read(http('Compress:true'), '--logLevel=INFO', '--workers=2', '--web.hosts=a.test');
  const after = read(
    http('WhiteList.SourceRange:10.0.0.0/8'),
    '--logLevel=WARN',
    '--workers=3',
    '--lifeCycle.graceTimeOut=3s',
  );
  const changes = changesBetween(before, after);
  assert.deepEqual(Object.fromEntries(changes.map(({ setting, isLive }) => [setting, isLive])), {
    '--logLevel': true,
    '--workers': false,
    '--web.hosts': true,
    '--lifeCycle.graceTimeOut': true,
    'entrypoint http: compress': true,
    'entrypoint http: whiteList': true,
  });
  const { settings, texts } = takenOn(before, after);
  const [entryPoint] = settings.entryPoints;
  assert.deepEqual([entryPoint.compress, entryPoint.whiteList?.sourceRange], [false, ['10.0.0.0/8']]);
  assert.deepEqual([settings.logLevel, settings.graceTimeOutMs, settings.web?.hosts], ['WARN', 3000, []]);
  assert.equal(settings.workers, before.settings.workers);
  assert.deepEqual(changesBetween({ settings, texts }, after), [{ setting: '--workers', isLive: false }]);
});

test('where tsuji listens, and a redirect to where it does not, wait', () => {
  const before = read(http(''), '--entryPoints=Name:old Address::81');
  const after = read(
    http('Redirect.EntryPoint:new'),
    '--entryPoints=Name:new Address::82',
    '--web.address=:9000',
    '--defaultEntryPoints=http',
  );
  assert.ok(changesBetween(before, after).every(({ isLive }) => !isLive));
  const { settings } = takenOn(before, after);
  assert.deepEqual(
    settings.entryPoints.map(({ name, port, redirect }) => [name, port, redirect]),
    [
      ['http', 80, null],
      ['old', 81, null],
    ],
  );
  assert.equal(settings.web?.port, 8080);
});
