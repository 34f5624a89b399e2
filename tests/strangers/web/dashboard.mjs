// What the dashboard of the example `dashboard` is in Chromium, to those who use a mouse and to those who do not:
// node dashboard.mjs CHROMIUM URL [FOLDER], which also takes the pictures of the guide if it is told where to.

import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { chromium } from 'playwright-core';

import { expect, Report } from '../typescript/report.mjs';

const [program, url, pictures] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve('axe-core');
const report = new Report();
const WIDE = { width: 1400, height: 900 };
const NARROW = { width: 360, height: 740 };
const PAGES = [
    '/', '/tools', '/tool?name=find', '/tool?name=order', '/resources', '/resource?uri=shop%3A%2F%2Fhours', '/prompts',
    '/prompt?name=recommend', '/calls?q=order', '/sessions', '/metrics', '/config', '/nowhere'
];

const profile = await mkdtemp(join(tmpdir(), 'turbomcp-dashboard-'));
const browser = await chromium.launch({
    executablePath: program,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', `--crash-dumps-dir=${profile}`]
});

/** Opens a page, and gives all that its console and its policy complain of. */
async function open(path, options = {}) {
    const context = await browser.newContext({ viewport: WIDE, ...options });
    const page = await context.newPage();
    const complaints = [];
    page.on('console', message => {
        // The one that is not there says so.
        if (['error', 'warning'].includes(message.type()) && !(path === '/nowhere' && message.text().includes('404'))) {
            complaints.push(message.text());
        }
    });
    page.on('pageerror', error => complaints.push(String(error)));
    await page.goto(new URL(path, url).href);
    return { page, complaints, close: () => context.close() };
}

async function within(path, options, body) {
    const { page, complaints, close } = await open(path, options);
    try {
        await body(page);
        expect(complaints.length === 0, 'nothing in the console', complaints);
    } finally {
        await close();
    }
}

/** Presses a key until something has the focus. */
async function reach(page, selector) {
    for (let pressed = 0; pressed < 60; pressed += 1) {
        if (await page.evaluate(selector => document.activeElement.matches(selector), selector)) {
            return;
        }
        await page.keyboard.press('Tab');
    }
    throw new Error(`the keyboard does not reach ${selector}`);
}

try {
    // The server has just been started; there is to be something to see.
    await within('/', {}, page => page.waitForFunction(() => document.querySelectorAll('#live tbody tr').length > 5));
    await checks();
    if (pictures) {
        await photograph();
    }
} finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
}
process.exit(report.close());

async function checks() {
    for (const path of PAGES) {
        await report.check(`page ${path}`, () => within(path, { bypassCSP: true, reducedMotion: 'reduce' }, async page => {
            const headings = await page.$$eval('h1, h2, h3', found => found.map(heading => Number(heading.tagName[1])));
            expect(headings[0] === 1 && headings.filter(level => level === 1).length === 1, 'one first heading', headings);
            expect(headings.every((level, at) => at === 0 || level <= headings[at - 1] + 1), 'headings in order', headings);
            const landmarks = await page.$$eval('header, nav, main, footer', found => found.map(it => it.localName));
            expect(landmarks.join() === 'header,nav,main,footer', 'the landmarks', landmarks);
            await page.addScriptTag({ path: axe });
            for (const colorScheme of ['light', 'dark']) {
                await page.emulateMedia({ colorScheme });
                const { violations } = await page.evaluate(() => globalThis.axe.run());
                const found = violations.map(({ id, impact, nodes }) => ({ id, impact, at: nodes[0].html.slice(0, 200) }));
                expect(found.length === 0, `no violations where it is ${colorScheme}`, found);
            }
            await page.setViewportSize(NARROW);
            const [width, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
            expect(width <= inner, 'no scrolling to the side', { width, inner });
        }));
        await report.check(`as it is and without script ${path}`, async () => {
            for (const javaScriptEnabled of [true, false]) {
                await within(path, { javaScriptEnabled }, async page => {
                    const text = await page.innerText('main');
                    expect(text.trim().length > 20, 'something to read', text);
                });
            }
        });
    }
    await report.check('dark_is_dark', async () => {
        for (const [colorScheme, isFit] of [['dark', light => light < 80], ['light', light => light > 200]]) {
            await within('/', { colorScheme }, async page => {
                const color = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
                expect(color.match(/\d+/g).slice(0, 3).every(part => isFit(Number(part))), colorScheme, color);
            });
        }
    });
    await report.check('keyboard_calls_a_tool', () => within('/', {}, async page => {
        await page.keyboard.press('Tab');
        const skip = await page.evaluate(() => document.activeElement.textContent);
        expect(skip === 'Skip to content', 'the way to the content is first', skip);
        await reach(page, 'nav a[href="/tools"]');
        const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
        expect(parseFloat(ring) >= 2, 'the focus is to be seen', ring);
        await page.keyboard.press('Enter');
        await page.waitForURL('**/tools');
        await reach(page, 'a[href="/tool?name=find"]');
        await page.keyboard.press('Enter');
        await page.waitForURL('**/tool?name=find');
        await reach(page, '[name="arg.text"]');
        await page.keyboard.type('woolf');
        await reach(page, '[name="arg.genre"]');
        await page.keyboard.press('n');
        await reach(page, '[name="arg.limit"]');
        await page.keyboard.press('Control+a');
        await page.keyboard.type('1');
        await reach(page, 'form#call button');
        await page.keyboard.press('Enter');
        const result = page.locator('#result');
        await result.getByText('Succeeded').waitFor();
        const text = await result.innerText();
        expect(text.includes('Mrs Dalloway') && !text.includes('The Waves'), 'one book', text);
        expect(await result.getAttribute('aria-live') === 'polite', 'those who do not see it hear of it');
        expect(page.url().endsWith('/tool?name=find'), 'the page stays', page.url());
        const kept = await page.inputValue('[name="arg.text"]');
        expect(kept === 'woolf', 'what was filled in stays', kept);
    }));
    await report.check('what_cannot_be_read_is_pointed_at', async () => {
        const { page, close } = await open('/tool?name=order');
        await page.fill('[name="arg.titles"]', '["The Waves"');
        await page.click('form#call button');
        await page.getByText('Not sent').waitFor();
        const [name, described] = await page.evaluate(() => {
            const control = document.activeElement;
            const ids = control.getAttribute('aria-describedby').split(' ');
            return [control.name, ids.map(id => document.getElementById(id)?.textContent).join(' ')];
        });
        expect(name === 'arg.titles' && described.includes('is not JSON'), 'the argument, and why', { name, described });
        await page.fill('[name="arg.titles"]', '["The Waves"]');
        await page.click('form#call button');
        const text = page.locator('#result pre').first();
        await text.getByText('That makes 12.00 euros.').waitFor();
        expect(await page.locator('.fault').count() === 0, 'nothing is wrong any more');
        await page.fill('[name="arg.titles"]', '["Ulysses"]');
        await page.click('form#call button');
        await text.getByText('there is no book `Ulysses` here').waitFor();
        await page.locator('#result .bad').getByText('Failed').waitFor();
        await close();
    });
    await report.check('a_tool_is_called_without_script', () => within('/tool?name=find', { javaScriptEnabled: false }, async page => {
        await page.fill('[name="arg.text"]', 'rilke');
        await page.click('form#call button');
        const text = await page.innerText('#result');
        expect(text.includes('Duino Elegies'), 'the book', text);
    }));
    await report.check('a_picture_is_shown', () => within('/tool?name=sign', {}, async page => {
        await page.click('form#call button');
        const picture = page.locator('#result img');
        await picture.waitFor();
        await page.waitForFunction(() => document.querySelector('#result img').naturalWidth > 0);
    }));
    await report.check('numbers_change_by_themselves_until_they_are_paused', () => within('/', {}, async page => {
        const so_far = () => page.locator('.facts dd').nth(4).innerText();
        const first = await so_far();
        await page.waitForFunction(first => document.querySelectorAll('.facts dd')[4].textContent !== first, first);
        await page.getByRole('button', { name: 'Pause updates' }).click();
        await page.waitForTimeout(500);
        const paused = await so_far();
        await page.waitForTimeout(4500);
        expect(await so_far() === paused, 'nothing changes', paused);
        await page.getByRole('button', { name: 'Resume updates' }).waitFor();
    }));
    await report.check('the_search_finds_as_one_types', () => within('/metrics', {}, async page => {
        const rows = () => page.locator('#live tbody tr').count();
        const all = await rows();
        await page.getByLabel('Search metrics').pressSequentially('tool_calls');
        await page.waitForFunction(all => document.querySelectorAll('#live tbody tr').length < all, all);
        const found = await page.locator('#live tbody th').allInnerTexts();
        expect(found.length > 0 && found.every(name => name.includes('tool_calls')), 'those', found);
        const hears = await page.locator('#live [role=status]').innerText();
        expect(/^1 of \d+ metrics$/.test(hears), 'how many there are is said', hears);
    }));
    await report.check('a_form_of_another_page_is_refused', async () => {
        const { page, close } = await open('/tool?name=find');
        const frame = `data:text/html,<form method=post action="${new URL('/tool', url).href}"><input name=name value=find><input name=arg.text value=e><input name=token value=x></form>`;
        await page.goto(frame);
        const [response] = await Promise.all([
            page.waitForResponse(response => response.request().method() === 'POST'),
            page.evaluate(() => document.forms[0].submit())
        ]);
        expect(response.status() === 403, '403', response.status());
        await close();
    });
}

async function photograph() {
    const shots = [
        ['overview', '/', { viewport: { width: 1240, height: 860 } }],
        ['overview-dark', '/', { viewport: { width: 1240, height: 860 }, colorScheme: 'dark' }],
        ['narrow', '/', { viewport: NARROW, deviceScaleFactor: 2 }],
        ['tools', '/tools', { viewport: { width: 1240, height: 520 } }],
        ['calls', '/calls', { viewport: { width: 1240, height: 620 } }],
        ['metrics', '/metrics', { viewport: { width: 1240, height: 620 } }],
        ['sessions', '/sessions', { viewport: { width: 1240, height: 420 } }]
    ];
    for (const [name, path, options] of shots) {
        await report.check(`picture ${name}`, () => within(path, options, page => shoot(page, name)));
    }
    await report.check('picture tool', () => within('/tool?name=find', { viewport: { width: 1240, height: 1180 } }, async page => {
        await page.fill('[name="arg.text"]', 'woolf');
        await page.click('form#call button');
        await page.getByText('Succeeded').waitFor();
        await shoot(page, 'tool');
    }));
}

async function shoot(page, name) {
    const picture = await page.screenshot({ path: join(pictures, `dashboard-${name}.png`), animations: 'disabled' });
    expect(picture.length < 120 << 10, 'less than 120 KiB', picture.length);
}
