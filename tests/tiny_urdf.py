"""Small URDF texts, part by part."""

INERTIA = '<inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/>'


def link(name, mass=1.0, inertia=INERTIA, com="0 0 0", more=""):
    return f'<link name="{name}"><inertial><origin xyz="{com}"/><mass value="{mass}"/>{inertia}</inertial>{more}</link>'


def joint(name, parent, child, kind="revolute", xyz="0 0 0", rpy="0 0 0", axis="0 0 1",
          limit='<limit lower="-1" upper="2" velocity="3" effort="4"/>'):
    return (f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
            f'<origin xyz="{xyz}" rpy="{rpy}"/><axis xyz="{axis}"/>{limit}</joint>')


def robot(*parts):
    return f'<robot name="tiny">{"".join(parts)}</robot>'
