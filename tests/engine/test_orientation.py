"""The turn and the letters, held against a body whose sides are marked, and against what scanners wrote themselves."""

from itertools import permutations, product

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.orientation import place_of
from engine.types import Geometry

AXES = np.eye(3)
EDGES = {"axial": "RLAP", "coronal": "RLHF", "sagittal": "APHF"}
"""Left, right, top, bottom of the standard views."""
OPPOSITE = dict(zip("LRPAHF", "RLAPFH", strict=True))


def geometry(read, phase, assumed=False):
    return Geometry((0, 0, 0), tuple(map(float, read)), tuple(map(float, phase)), (0, 0, 1), (200, 200, 5), assumed)


def turned(image, place):
    image = image.T if place.transpose else image
    image = image[::-1] if place.flip_rows else image
    return image[:, ::-1] if place.flip_columns else image


def marked_body():
    """`[x, y, z]` in LPS; each side of the body holds its own letter in the middle of its face."""
    body = np.full((9, 9, 9), " ")
    for axis, (towards, against) in enumerate(("LR", "PA", "HF")):
        for place, letter in ((-1, towards), (0, against)):
            index = [4, 4, 4]
            index[axis] = place
            body[tuple(index)] = letter
    return body


def acquired(order, flips):
    """The middle slice `[y, x]` of the body with axes in this order (slice, y, x), some of them backwards."""
    stack = np.transpose(marked_body(), order)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    directions = [AXES[axis] * (-1 if flip else 1) for axis, flip in zip(order, flips, strict=True)]
    return stack[4], geometry(directions[2], directions[1])


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((False, True), repeat=3)))
def test_every_way_to_acquire_a_straight_slice_is_shown_as_radiologists_see_it(order, flips):
    image, where = acquired(order, flips)
    place = place_of(where)
    shown = turned(image, place)
    seen = shown[4, 0] + shown[4, -1] + shown[0, 4] + shown[-1, 4]
    assert seen == EDGES[place.view] == place.left + place.right + place.top + place.bottom
    assert place.view == ("sagittal", "coronal", "axial")[order[0]]


def rotated(axis, degrees):
    """Rodrigues' formula."""
    unit = np.array(axis) / np.linalg.norm(axis)
    x, y, z = unit
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda axis: np.linalg.norm(axis) > 0.1)


@given(directions, st.floats(0, 40), st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_a_tilted_slice_is_turned_like_the_straight_one_it_is_nearest_to(axis, degrees, order, flips):
    _, straight = acquired(order, flips)
    tilt = rotated(axis, degrees)
    tilted = place_of(geometry(tilt @ straight.read_dir, tilt @ straight.phase_dir))
    expected = place_of(straight)
    assert (tilted.transpose, tilted.flip_rows, tilted.flip_columns) == (
        expected.transpose,
        expected.flip_rows,
        expected.flip_columns,
    )


@given(directions, st.floats(0, 180), st.booleans())
def test_letters_name_the_side_on_which_the_body_goes_on(axis, degrees, mirrored):
    turn = rotated(axis, degrees)
    read, phase = turn[:, 0], -turn[:, 1] if mirrored else turn[:, 1]
    place = place_of(geometry(read, phase))
    x, y = np.meshgrid(np.arange(9) - 4, np.arange(9) - 4)
    position = x[..., None] * read + y[..., None] * phase
    for axis_number, (towards, against) in enumerate(("LR", "PA", "HF")):
        shown = turned(position[..., axis_number], place)
        for near, far, letters in (
            (shown[:, 0], shown[:, -1], place.left),
            (shown[:, -1], shown[:, 0], place.right),
            (shown[0], shown[-1], place.top),
            (shown[-1], shown[0], place.bottom),
        ):
            lean = (near.mean() - far.mean()) / 8  # component of the unit vector towards this edge
            if towards in letters:
                assert lean > 0
            if against in letters:
                assert lean < 0
            if abs(lean) > 0.81:  # no other component can be larger
                assert letters[0] == (towards if lean > 0 else against)
    assert "".join(OPPOSITE[letter] for letter in place.left) == place.right
    assert "".join(OPPOSITE[letter] for letter in place.top) == place.bottom


@given(directions, st.floats(0, 180), st.booleans())
def test_no_patient_is_mirrored(axis, degrees, mirrored):
    turn = rotated(axis, degrees)
    read, phase = turn[:, 0], -turn[:, 1] if mirrored else turn[:, 1]
    place = place_of(geometry(read, phase))
    right, down = (phase, read) if place.transpose else (read, phase)
    into_the_screen = np.cross(right * (-1) ** place.flip_columns, down * (-1) ** place.flip_rows)
    # Seen from the feet, from the front or from the left: towards the head, the back or the right.
    nearest = int(np.argmax(np.abs(into_the_screen)))
    assert into_the_screen[nearest] * (-1, 1, 1)[nearest] > 0


@pytest.mark.parametrize(("degrees", "edges"), [(19.0, "RLAP"), (21.0, "RLAHPF"), (-21.0, "RLAFPH")])
def test_a_second_letter_from_twenty_degrees_on(degrees, edges):
    tilt = rotated((1, 0, 0), -degrees)
    place = place_of(geometry(tilt @ AXES[0], tilt @ AXES[1]))
    assert place.left + place.right + place.top + place.bottom == edges
    assert place.view == ("axial" if len(edges) == 4 else "oblique")


def test_what_the_header_does_not_state_is_not_said():
    place = place_of(geometry(AXES[0], AXES[1], assumed=True))
    assert (place.left, place.right, place.top, place.bottom, place.view) == ("", "", "", "", "unknown")
    assert place.why_unknown == "the header states no orientation"
    assert (place.transpose, place.flip_rows, place.flip_columns) == (False, False, False)


def test_directions_that_are_not_at_right_angles_say_nothing():
    place = place_of(geometry(AXES[0], np.array([0.6, 0.8, 0.0])))
    assert place.view == "unknown"
    assert "right angles" in place.why_unknown


NATIVE = (
    "dicom/hazen_phantom/acr/GE/slice01_10.dcm",
    "dicom/hazen_phantom/acr/PhilipsAchieva/slice01_0.dcm",
    "dicom/hazen_phantom/acr/SiemensSolaFit/slice01_0.dcm",
    "dicom/hazen_phantom/acr/SiemensSolaFitLocalizer/0.dcm",
    "dicom/hazen_phantom/toshiba/TOSHIBA_TM_MR_DCM_V3_0.dcm",
    "dicom/zoo/nibabel/slicethickness_empty_string.dcm",
    "dicom/zoo/pydicom-data/MR2_J2KI.dcm",
)
"""Images as four vendors' scanners show them: axial, sagittal, and two oblique ones of the head."""


def stated(path):
    numbers = [float(value) for value in pydicom.dcmread(path, stop_before_pixels=True).ImageOrientationPatient]
    return geometry(numbers[:3], numbers[3:])


@pytest.mark.data
@pytest.mark.parametrize("name", NATIVE)
def test_images_of_real_scanners_are_left_as_their_consoles_show_them(data_dir, name):
    place = place_of(stated(data_dir / name))
    assert (place.transpose, place.flip_rows, place.flip_columns) == (False, False, False)


@pytest.mark.data
def test_letters_are_those_that_the_file_states_itself(data_dir):
    path = data_dir / "dicom/zoo/pydicom/J2K_pixelrep_mismatch.dcm"
    place = place_of(stated(path))
    assert [place.right, place.bottom] == list(pydicom.dcmread(path, stop_before_pixels=True).PatientOrientation)
