import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import test from 'node:test';
import { Admission, ownNames, type PageAccess } from '../../../../src/control/admin/admission.ts';
import { parseRequest } from '../../../../src/control/admin/request.ts';
import type { WebSettings } from '../../../../src/settings/settings.ts';
import { webSettings } from './fake-view.ts';

const OWN = ['lb1.corp.example.net', '.corp.example.net'];

function refusal(
  fields: Record<string, string>,
  { web = {}, access = 'guarded', method = 'GET', peer = '127.0.0.1' }: AskOptions = {},
): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  const request = parseRequest([`${method} / HTTP/1.1`, ...lines].join('\r\n'));
  assert.ok(typeof request !== 'number');
  return new Admission(webSettings(web), OWN).refusal(request, peer, access);
}

type AskOptions = { web?: Partial<WebSettings>; access?: PageAccess; method?: string; peer?: string };

test('pages are given under names that no stranger can own', () => {
  for (const host of [
    '127.0.0.1',
    '10.0.0.1:8080',
    '[::1]',
    '[2001:db8::1]:8080',
    'localhost:8080',
    'a.localhost',
    'lb',
    'LB:8080',
    'my_lb',
    'lb1.corp.example.net',
    'lb2.Corp.example.net.:8080',
  ]) {
    assert.equal(refusal({ Host: host }), '', host);
  }
});

test('any other name is refused, with the flag that lets it in', () => {
  for (const host of ['evil.example', 'evil.example:8080', 'evil.example.', 'xcorp.example.net', '127.0.0.1.nip.io']) {
    const name = host.replace(/:8080|\.$/, '');
    assert.match(
      refusal({ Host: host }),
      new RegExp(`^Forbidden: ${name} is no name of this host; --web.hosts=${name} `),
    );
  }
  for (const host of ['!.example', '[v1.a]', ':80', `${'a'.repeat(300)}.example`]) {
    assert.equal(refusal({ Host: host }), 'Forbidden: the Host field holds no name\n', host);
  }
});

test('--web.hosts lets in names, all names of a domain, or any', () => {
  const web = { hosts: ['lb.example.com', '.example.org'] };
  assert.equal(refusal({ Host: 'lb.example.com:80' }, { web }), '');
  assert.equal(refusal({ Host: 'a.b.example.org' }, { web }), '');
  assert.notEqual(refusal({ Host: 'example.org' }, { web }), '');
  assert.notEqual(refusal({ Host: 'x.lb.example.com' }, { web }), '');
  assert.equal(refusal({ Host: 'evil.example' }, { web: { hosts: ['*'] } }), '');
});

test('a scraper gets the metrics by any name, a browser does not', () => {
  const access = 'machines';
  const host = { Host: 'lb.prod.example.com' };
  assert.equal(refusal({ ...host, 'Accept-Encoding': 'gzip', 'User-Agent': 'Prometheus/2.53' }, { access }), '');
  for (const field of [
    'Origin: http://x',
    'Accept-Encoding: gzip, deflate',
    'Accept-Language: en',
    'Referer: http://x',
  ]) {
    const [name, value] = field.split(': ');
    assert.match(refusal({ ...host, [name]: value }, { access }), /--web\.hosts=lb\.prod\.example\.com/, field);
  }
  assert.equal(refusal({ Host: 'lb', 'Accept-Encoding': 'gzip, deflate' }, { access }), '');
});

test('what is no GET must come from a page of ours', () => {
  assert.equal(refusal({ Host: 'lb:8080', Origin: 'http://lb:8080' }, { method: 'PUT' }), '');
  for (const origin of ['http://evil.example', 'null', 'http://lb', 'https://lb:8081']) {
    assert.match(refusal({ Host: 'lb:8080', Origin: origin }, { method: 'PUT' }), /another site/, origin);
  }
});

test('the allow list holds for the address of the client, and for forwarded ones as far as they are believed', () => {
  const whiteList = { sourceRange: ['10.0.0.0/8'], useXForwardedFor: true };
  const web = { whiteList, forwardedHeaders: { insecure: false, trustedIPs: ['192.0.2.1'] } };
  const from = (peer: string, forwardedFor: string) =>
    refusal({ Host: 'lb', ...(forwardedFor === '' ? {} : { 'X-Forwarded-For': forwardedFor }) }, { web, peer });
  assert.equal(from('10.1.2.3', ''), '');
  assert.equal(from('::ffff:10.1.2.3', ''), '');
  assert.equal(from('192.0.2.1', ''), 'Forbidden');
  assert.equal(from('192.0.2.1', '198.51.100.1, 10.1.2.3'), '');
  assert.equal(from('192.0.2.1', 'nobody, 10.1.2.3'), 'Forbidden');
  assert.equal(from('192.0.2.9', '10.1.2.3'), 'Forbidden');
});

test('the names of this host are known', () => {
  const names = ownNames(webSettings({ host: 'LB.example.com' }));
  assert.ok(names.includes(hostname().toLowerCase()));
  assert.ok(names.includes('lb.example.com'));
});
