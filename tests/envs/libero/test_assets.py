"""The procedural asset pack: its files, its numbers, and what LIBERO builds from it."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mosel_gym.envs.gl import choose_backend
from mosel_gym.envs.libero.assets import build_pack, default_pack, light_robot_xml, pack_hash
from mosel_gym.envs.libero.assets.facts import arenas, objects
from mosel_gym.envs.libero.assets.looks import object_parts
from mosel_gym.envs.libero.assets.looks.rooms import room_parts
from mosel_gym.envs.libero.assets.mjcf import object_xml
from mosel_gym.envs.libero.assets.shapes import volume
from mosel_gym.envs.libero.tasks import LIBERO_TASKS
from mosel_gym.errors import AssetError

choose_backend()

import mujoco  # noqa: E402

from mosel_gym.envs.libero.scene import bddl_path, make_stock_env  # noqa: E402

LONG_TASKS = {
    "KITCHEN_SCENE3": 47,
    "KITCHEN_SCENE4": 51,
    "KITCHEN_SCENE6": 47,
    "KITCHEN_SCENE8": 47,
    "LIVING_ROOM_SCENE1": 84,
    "LIVING_ROOM_SCENE2": 123,
    "LIVING_ROOM_SCENE5": 84,
    "LIVING_ROOM_SCENE6": 71,
    "STUDY_SCENE1": 45,
}
"""Scenes of LIBERO-10 and the width of their stored states (time, qpos, qvel)."""


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _compiled(category: str) -> Any:
    """One object alone, under the compiler settings that robosuite uses."""
    facts = objects()[category]
    text = object_xml(facts, object_parts(facts))
    settings = '<compiler angle="radian" inertiagrouprange="0 0"/>'
    head, rest = text.split("\n", 1)
    return mujoco.MjModel.from_xml_string(head + settings + rest)


def _stock_envs(scene: str) -> Iterator[Any]:
    row = LIBERO_TASKS[0]
    folder = bddl_path("libero_10", row.bddl).parent
    for path in sorted(folder.glob(f"{scene}_*.bddl")):
        env = make_stock_env(replace(row, bddl=path.stem, suite="libero_10"), offscreen=False)
        yield env
        env.close()


def test_pack_is_the_same_when_built_twice(tmp_path: Path) -> None:
    first, second = build_pack(tmp_path / "a"), build_pack(tmp_path / "b" / "deep")
    assert _files(first) == _files(second)
    assert len(_files(first)) == len(objects()) + len(arenas()) + 19 + 1  # textures, marker
    assert default_pack().name.endswith(pack_hash())


def test_pack_is_reused_and_a_damaged_one_is_mended(tmp_path: Path) -> None:
    pack = build_pack(tmp_path / "pack")
    whole, made = _files(pack), pack.stat().st_ino
    assert build_pack(pack).stat().st_ino == made
    (pack / "textures" / "ceramic.png").unlink()
    (pack / objects()["plate"].xml).write_bytes(b"<mujoco")
    assert _files(build_pack(pack)) == whole
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]


def test_pack_never_replaces_a_users_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(AssetError, match="no asset pack"):
        build_pack(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_unwritable_cache_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MOSEL_CACHE", str(tmp_path / "file"))
    with pytest.raises(AssetError, match="MOSEL_CACHE"):
        default_pack()


def test_builders_in_several_processes_do_not_disturb_each_other(tmp_path: Path) -> None:
    target = tmp_path / "pack"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        results = list(pool.map(build_pack, [target] * 6))
    assert results == [target] * 6
    assert _files(target) == _files(build_pack(tmp_path / "reference"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pack", "reference"]


@pytest.mark.parametrize("category", sorted(objects()))
def test_object_has_the_physics_of_the_facts(category: str) -> None:
    facts, model = objects()[category], _compiled(category)
    assert model.body_mass.sum() == pytest.approx(facts.mass, abs=6e-6)
    for body in facts.bodies:
        name = "object" if body.parent == "ROOT" else body.name
        assert model.body(name).mass[0] == pytest.approx(body.mass, rel=1e-6)
        np.testing.assert_allclose(model.body(name).inertia, body.inertia, rtol=1e-5)
    collision = model.geom_group == 0
    assert collision.sum() == len(facts.geoms)
    assert not model.geom_contype[~collision].any()
    assert not model.geom_conaffinity[~collision].any()
    assert model.ngeom > len(facts.geoms), "it cannot be seen"
    assert {joint.name for joint in facts.joints} == {
        model.joint(index).name for index in range(model.njnt)
    }


@pytest.mark.parametrize("category", sorted(objects()))
def test_object_is_drawn_about_where_it_is(category: str) -> None:
    facts, model = objects()[category], _compiled(category)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    root = model.body("object").id
    corners = []
    for geom in np.flatnonzero(model.geom_group == 1):
        mesh = model.geom_dataid[geom]
        start, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        points = model.mesh_vert[start : start + count]
        world = points @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
        corners.append((world - data.xpos[root]) @ data.xmat[root].reshape(3, 3))
    drawn = np.concatenate(corners)
    low, high = np.array(facts.bbox[:3]), np.array(facts.bbox[3:])
    assert np.abs(drawn.min(axis=0) - low).max() < 0.035
    assert np.abs(drawn.max(axis=0) - high).max() < 0.035
    assert np.median(np.abs([drawn.min(axis=0) - low, drawn.max(axis=0) - high])) < 0.004


def test_all_meshes_look_outwards_and_are_few() -> None:
    for facts in objects().values():
        parts = object_parts(facts)
        assert all(volume(part.mesh) > 0 for part in parts)
        assert sum(len(part.mesh.faces) for part in parts) < 450
    for name in arenas():
        assert all(volume(part.mesh) > 0 for part in room_parts(name))


@pytest.mark.parametrize("scene", LONG_TASKS)
def test_long_task_builds_with_the_layout_of_the_stored_states(scene: str) -> None:
    for env in _stock_envs(scene):
        model = env.sim.model._model
        assert 1 + model.nq + model.nv == LONG_TASKS[scene]
        joints = [model.joint(index).name for index in range(9)]
        arm = [f"robot0_joint{number}" for number in range(1, 8)]
        assert joints == [*arm, "gripper0_finger_joint1", "gripper0_finger_joint2"]
        env.env._check_success()  # every region that the goal names has its site


@pytest.fixture(scope="module")
def robot_models() -> Iterator[tuple[Any, Any]]:
    """Task 6 with robosuite's own robot meshes and with the light ones."""
    for env in _stock_envs("LIVING_ROOM_SCENE6"):
        xml = env.env.model.get_xml()
        yield (
            mujoco.MjModel.from_xml_string(xml),
            mujoco.MjModel.from_xml_string(light_robot_xml(xml)),
        )


def test_light_robot_moves_exactly_as_the_heavy_one(robot_models: tuple[Any, Any]) -> None:
    heavy, light = robot_models
    np.testing.assert_array_equal(heavy.body_mass, light.body_mass)
    np.testing.assert_array_equal(heavy.body_inertia, light.body_inertia)
    np.testing.assert_array_equal(heavy.geom_contype, light.geom_contype)
    names = [[model.geom(index).name for index in range(model.ngeom)] for model in robot_models]
    assert names[0] == names[1]
    ends = []
    for model in robot_models:
        data = mujoco.MjData(model)
        controls = np.random.default_rng(0).uniform(-8, 8, (60, model.nu))
        for control in controls:
            data.ctrl[:] = control
            for _ in range(5):
                mujoco.mj_step(model, data)
        ends.append(data.qpos.copy())
    assert np.abs(ends[0] - ends[1]).max() < 1e-9


def test_light_robot_has_few_triangles(robot_models: tuple[Any, Any]) -> None:
    def drawn(model: Any) -> int:
        geoms = (model.geom_group == 1) & (model.geom_dataid >= 0)
        return int(model.mesh_facenum[model.geom_dataid[geoms]].sum())

    heavy, light = robot_models
    assert drawn(heavy) > 120_000
    assert drawn(light) < 10_000


def test_light_meshes_are_made_again_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mosel_gym.envs.libero.assets.decimate import light_mesh

    source = tmp_path / "ball.obj"
    angles = np.linspace(0, np.pi, 24)
    grid = [
        (np.sin(a) * np.cos(2 * b), np.sin(a) * np.sin(2 * b), np.cos(a))
        for a in angles
        for b in angles
    ]
    lines = [f"v {x} {y} {z}" for x, y, z in grid]
    for row in range(23):
        for column in range(23):
            corner = row * 24 + column + 1
            lines.append(f"f {corner} {corner + 24} {corner + 1}")
            lines.append(f"f {corner + 1} {corner + 24} {corner + 25}")
    source.write_text("\n".join(lines))
    monkeypatch.setenv("MOSEL_CACHE", str(tmp_path / "cache"))
    light = light_mesh(source, 0.1)
    whole = light.read_bytes()
    assert (len(whole) - 84) // 50 < 130
    light.write_bytes(whole[:500])
    light_mesh.cache_clear()
    assert light_mesh(source, 0.1).read_bytes() == whole
    shutil.rmtree(tmp_path / "cache")


def test_missing_robot_mesh_is_one_clear_error(tmp_path: Path) -> None:
    from mosel_gym.envs.libero.assets.decimate import light_mesh

    with pytest.raises(AssetError, match="nowhere.stl"):
        light_mesh(tmp_path / "nowhere.stl")


def test_pictures_show_mug_plate_and_pudding(robot_models: tuple[Any, Any]) -> None:
    if choose_backend() == "disabled":
        pytest.skip("no OpenGL library")
    model = robot_models[1]
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    model.vis.global_.offwidth = model.vis.global_.offheight = 128
    option = mujoco.MjvOption()
    option.geomgroup[0] = 0
    renderer = mujoco.Renderer(model, 128, 128)
    renderer.update_scene(data, "agentview", option)
    picture = renderer.render()
    renderer.close()
    assert picture.shape == (128, 128, 3)
    assert 60 < picture.mean() < 190
    assert picture.std() > 20
